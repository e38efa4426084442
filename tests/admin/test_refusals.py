"""What a service refuses, the console says in its words, where it was asked, and nothing has changed."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client

from accounts.domain.verbs import Verb
from accounts.models import Team, Token, User
from indexapp.models import Index, Project, Release, ReservedPrefix, Role
from tests.admin.conftest import SignIn
from tests.admin.screens import INDEX, NO_MEMBERS, Side, address, do, errors, members_row, refusal
from tests.evidence import rows
from tests.factories.people import PASSWORD, make_user
from tests.factories.publishing import give, make_group, make_index, make_project

Fields = dict[str, Any]


def _left_alone() -> dict[str, Any]:
    return {table: content for table, content in rows().items() if table != "accounts.User"}


@pytest.fixture
def root(administrator: User, sign_in: SignIn) -> Client:
    """The browser of an administrator of the instance."""
    return sign_in(administrator)


@pytest.fixture
def browser(red: Side, sign_in: SignIn) -> Client:
    """The browser of the red team's admin."""
    return sign_in(red.admin)


NEW: dict[str, tuple[type[Any], Fields, str]] = {
    "an index of a name that is taken": (Index, {**INDEX, "name": "main", "kind": "hosted"}, "already exists"),
    "an index on an address of the site": (Index, {**INDEX, "name": "admin", "kind": "hosted"}, "address of the site"),
    "an index with a bad name": (Index, {**INDEX, "name": "Not A Name", "kind": "hosted"}, "lower-case letters"),
    "members of no group": (Index, {**INDEX, "name": "new", "kind": "hosted", "members": "main"}, "Only a group"),
    "a member that is not there": (
        Index,
        {**INDEX, "name": "new", "kind": "group", "members": "none"},
        "no index named",
    ),
    "a member twice": (Index, {**INDEX, "name": "new", "kind": "group", "members": "main\nmain"}, "named twice"),
    "a size that is none": (Index, {**INDEX, "name": "new", "kind": "hosted", "max_file_size": "big"}, "500 MB"),
    "a size of nothing": (Index, {**INDEX, "name": "new", "kind": "hosted", "max_file_size": "0"}, "above zero"),
    "a user of a name that is taken": (User, {"username": "ROOT", "email": ""}, "an account named 'ROOT' already"),
    "a weak password": (User, {"username": "ann", "password": "12345", "repeated": "12345"}, "too short"),
    "two passwords that differ": (User, {"username": "ann", "password": PASSWORD, "repeated": "x"}, "differ"),
    "a team of a name that is taken": (Team, {"name": "red-team", **NO_MEMBERS}, "already exists"),
    "a team with a bad name": (Team, {"name": "Red Team", **NO_MEMBERS}, "lower-case letters"),
    "a role of nobody": (Role, {"rights": ["read"]}, "either a user or a team"),
    "a role of two": (Role, {"rights": ["read"], "user": "root", "team": "red-team"}, "either a user or a team"),
    "a role of a stranger": (Role, {"rights": ["read"], "user": "stranger"}, "no account named 'stranger'"),
    "a role without verbs": (Role, {"user": "root"}, "required"),
    "a role on no project": (Role, {"rights": ["read"], "user": "root", "project": "none"}, "There is no project"),
    "a prefix that is reserved": (ReservedPrefix, {"prefix": "Red.Corp", "team": "red-team"}, "reserved already"),
    "a prefix that is no name": (ReservedPrefix, {"prefix": "-", "team": "red-team"}, "'-'"),
    "a project of a module's name": (Project, {"name": "os"}, "standard library"),
    "a project of a name that is taken": (Project, {"name": "Red.Project"}, "has a project"),
    "a project that looks like another": (Project, {"name": "red-pr0ject"}, "too similar"),
    "a token without rights": (Token, {"name": "CI"}, "required"),
    "a token that has ended": (Token, {"name": "CI", "rights": ["read"], "last_day": "2001-01-01"}, "in the past"),
    "a token of a stranger": (Token, {"name": "CI", "rights": ["read"], "owner": "x\x00y"}, "control"),
}


@pytest.mark.parametrize("what", list(NEW))
def test_what_cannot_be_made_is_explained_on_the_form(root: Client, red: Side, what: str) -> None:
    model, fields, sentence = NEW[what]
    in_index = {"index": red.index.pk} if model in (Role, Project, ReservedPrefix) else {}
    before = rows()
    answer = root.post(address(model, "add"), {**fields, **in_index})

    assert sentence in errors(answer)
    assert rows() == before


def test_what_was_typed_is_still_there(root: Client, red: Side) -> None:
    fields = {"index": red.index.pk, "name": "red-pr0ject"}
    page = root.post(address(Project, "add"), fields).content.decode()

    assert 'value="red-pr0ject"' in page
    assert f'<option value="{red.index.pk}" selected>' in page
    assert 'role="alert"' in page


def test_a_team_admin_cannot_open_an_index_to_everybody(browser: Client, red: Side) -> None:
    before = _left_alone()
    answer = browser.post(address(red.index), {**INDEX, "anonymous_read": "on"})

    assert "Only an administrator of the instance may open" in errors(answer)
    assert _left_alone() == before


def test_a_group_shows_only_what_its_composer_administers(red: Side, sign_in: SignIn) -> None:
    group = make_group("red-group", red.index)
    give(red.admin, [Verb.ADMINISTER], group)
    browser, before = sign_in(red.admin), _left_alone()

    assert "isn't allowed to administer the index 'main'" in errors(
        browser.post(address(group), {**INDEX, "members": "main"})
    )
    assert _left_alone() == before


def test_a_group_cannot_contain_itself(root: Client) -> None:
    inner = make_group("inner")
    outer = make_group("outer", inner)
    assert "cannot be inside itself" in errors(root.post(address(inner), {**INDEX, "members": "outer"}))
    assert outer.group_members.count() == 1


@pytest.mark.parametrize("action", ["disable", "demote", "delete"])
def test_nobody_locks_themselves_out(root: Client, administrator: User, action: str) -> None:
    before = _left_alone()
    assert "You cannot" in refusal(do(root, administrator, action))
    assert _left_alone() == before
    assert User.objects.get(pk=administrator.pk).is_active


def test_the_default_index_stays(root: Client, main: Index) -> None:
    assert "default index cannot be deleted" in errors(do(root, main, "delete", typed="main"))
    assert Index.objects.filter(pk=main.pk).exists()


def test_an_index_with_projects_stays(root: Client, red: Side) -> None:
    assert "still holds projects" in errors(do(root, red.index, "delete", typed="red-index"))
    assert Project.objects.filter(pk=red.project.pk).exists()


def test_a_projects_own_admin_can_neither_quarantine_nor_clear_it(red: Side, sign_in: SignIn) -> None:
    keeper = make_user("keeper")
    give(keeper, [Verb.ADMINISTER], red.index, red.project)
    browser = sign_in(keeper)
    assert "Only who administers the whole index" in refusal(do(browser, red.project, "quarantine"))
    Project.objects.filter(pk=red.project.pk).update(status="quarantined")
    assert "Only who administers the whole index" in refusal(do(browser, red.project, "clear"))

    page = browser.get(address(red.project)).content.decode()
    assert "/do/quarantine/" not in page
    assert "/do/clear/" not in page


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"password1": "12345", "password2": "12345"}, "too short"),
        ({"password1": PASSWORD, "password2": "other"}, "match"),
        ({"password1": "", "password2": ""}, "required"),
    ],
)
def test_a_password_that_will_not_do(root: Client, given: Fields, sentence: str) -> None:
    ann = make_user("ann")
    assert sentence in errors(do(root, ann, "set-password", **given))
    assert User.objects.get(pk=ann.pk).check_password(PASSWORD)


def test_a_reason_has_an_end(browser: Client, red: Side) -> None:
    assert "1000" in errors(do(browser, red.release, "yank", reason="x" * 1001))
    assert not Release.objects.get(pk=red.release.pk).is_yanked


def test_a_refused_member_takes_the_whole_form_back(root: Client, red: Side) -> None:
    fields = {"title": "Other", "description": "", **members_row(0, user="stranger", role="member", total=1)}
    answer = root.post(address(red.team), fields)

    assert answer.status_code == 200
    assert "no account of exactly this user name" in answer.content.decode()
    assert Team.objects.get(pk=red.team.pk).title == ""


def test_a_team_that_one_no_longer_manages_is_refused_as_a_whole(browser: Client, red: Side) -> None:
    """The right goes between the page's check and the service's: the second member's refusal undoes the first."""
    people = [make_user(), make_user()]
    fields = {"title": "Other", "description": ""}
    for number, user in enumerate(people):
        fields |= members_row(number, user=user.username, role="member", total=2)
    statements: list[str] = []

    def demote(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith('INSERT INTO "accounts_membership"'):
            statements.append(sql)
            context["connection"].cursor().execute(
                "UPDATE accounts_membership SET role = 'member' WHERE user_id = %s", [red.admin.pk]
            )
        return execute(sql, params, many, context)

    with connection.execute_wrapper(demote):
        answer = browser.post(address(red.team), fields)

    assert "Only an admin of the team" in answer.content.decode()
    assert len(statements) == 1
    assert Team.objects.get(pk=red.team.pk).title == ""
    assert red.team.members.count() == 2


def test_what_went_meanwhile_is_said_to_be_gone(browser: Client, red: Side) -> None:
    make_project(red.index, "gone").delete()
    answer = do(browser, Project(pk=999999, name="gone"), "archive")
    assert answer.redirect_chain[-1][0] == address(Project, "changelist")


def test_reading_pages_cannot_be_written_to(root: Client, red: Side) -> None:
    before = _left_alone()
    for row in (red.project, red.release, red.file, red.token, red.prefix, *_logs(red)):
        assert root.post(address(row), {"name": "x", "filename": "x"}).status_code == 403
    for row in _logs(red):
        assert root.get(address(row, "add")).status_code == 403
        assert root.post(address(row, "delete"), {"confirmed": "yes"}).status_code == 404

    assert _left_alone() == before


def _logs(red: Side) -> list[Any]:
    return [red.rows["change"], red.rows["audit"]]


def test_a_post_without_the_token_of_its_form_is_refused(red: Side) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(red.admin)
    assert browser.post(address(red.project, "do", "archive"), {"confirmed": "yes"}).status_code == 403
    assert Project.objects.get(pk=red.project.pk).status == "active"


def test_two_who_make_the_same_at_once_are_told(root: Client) -> None:
    """The other's row comes between the service's look and its insert."""
    seen: list[str] = []

    def overtake(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith('INSERT INTO "indexapp_index"') and not seen:
            seen.append(sql)
            execute(sql, params, many, context)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(overtake):
        answer = root.post(address(Index, "add"), {**INDEX, "name": "new", "kind": "hosted"})

    assert "Somebody else" in errors(answer)
    assert make_index("new").pk
