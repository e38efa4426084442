"""What a team admin may not administer does not exist in the console, on any page and for any action."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.domain.verbs import Verb
from accounts.models import Token, User
from indexapp.models import Change, Project, Role
from tests.admin.conftest import SignIn
from tests.admin.screens import ACTIONS, SCREENS, Side, address, do, do_many, errors, messages
from tests.evidence import publishing, rows
from tests.factories.people import make_user
from tests.factories.publishing import give, make_file, make_index, make_project, make_release

pytestmark = pytest.mark.database

WORDS = [(screen, action) for screen, actions in ACTIONS.items() for action in actions]


def _left_alone() -> dict[str, Any]:
    """All rows but the sign-in's own."""
    return {table: content for table, content in rows().items() if table != "accounts.User"}


@pytest.fixture
def browser(red: Side, blue: Side, sign_in: SignIn) -> Client:
    """The browser of the red team's admin."""
    return sign_in(red.admin)


@pytest.mark.parametrize("screen", SCREENS)
def test_a_list_shows_what_one_administers_and_nothing_else(
    browser: Client, red: Side, blue: Side, screen: str
) -> None:
    response = browser.get(address(type(red.rows[screen]), "changelist"))
    shown = {row.pk for row in response.context["cl"].result_list}

    assert red.rows[screen].pk in shown
    assert blue.rows[screen].pk not in shown
    assert "blue-" not in response.content.decode()


@pytest.mark.parametrize("screen", SCREENS)
def test_ones_own_rows_have_a_page(browser: Client, red: Side, screen: str) -> None:
    assert browser.get(address(red.rows[screen])).status_code == 200


@pytest.mark.parametrize("screen", SCREENS)
def test_the_page_of_anothers_row_is_like_one_that_is_not_there(browser: Client, blue: Side, screen: str) -> None:
    theirs, nowhere = blue.rows[screen], type(blue.rows[screen])(pk=987654)
    answers = [browser.get(address(row), follow=True) for row in (theirs, nowhere)]

    assert messages(answers[0]) == messages(answers[1]) == [messages(answers[0])[0]]
    assert answers[0].redirect_chain == answers[1].redirect_chain
    assert "blue-" not in answers[0].content.decode()


@pytest.mark.parametrize("screen", SCREENS)
def test_anothers_row_cannot_be_changed_or_deleted(browser: Client, blue: Side, screen: str) -> None:
    row, before = blue.rows[screen], _left_alone()
    fields = {"title": "seized", "rights": ["administer"], "role": "admin", "confirmed": "yes", "typed": str(row)}
    for view in ("change", "delete"):
        answer = browser.post(address(row, view), fields, follow=True)
        assert answer.status_code in (200, 403, 404)

    assert _left_alone() == before


@pytest.mark.parametrize(("screen", "action"), WORDS)
def test_nothing_can_be_done_to_anothers_row(browser: Client, blue: Side, screen: str, action: str) -> None:
    row, before = blue.rows[screen], _left_alone()
    fields = {"reason": "because", "typed": str(row), "overlap": "0"}
    page = browser.get(address(row, "do", action), follow=True)
    assert "blue-" not in page.content.decode()
    assert do(browser, row, action, **fields).status_code in (200, 404)
    assert do_many(browser, action, row, **fields).status_code == 200

    assert _left_alone() == before


@pytest.mark.parametrize(("screen", "action"), [pair for pair in WORDS if pair[1] in ("yank", "archive", "revoke")])
def test_ticking_anothers_row_beside_ones_own_does_ones_own(
    browser: Client, red: Side, blue: Side, screen: str, action: str
) -> None:
    before = rows()[blue.rows[screen]._meta.label]
    do_many(browser, action, red.rows[screen], blue.rows[screen])
    after = rows()[blue.rows[screen]._meta.label]

    theirs = [row for row in before if row[0] == blue.rows[screen].pk]
    assert [row for row in after if row[0] == blue.rows[screen].pk] == theirs
    assert [row for row in before if row[0] == red.rows[screen].pk] != [
        row for row in after if row[0] == red.rows[screen].pk
    ]


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("query", ["q=blue", "index=blue-index", "project=blue-index/blue-project", "team=blue-team"])
def test_no_search_and_no_filter_finds_anothers_rows(browser: Client, blue: Side, screen: str, query: str) -> None:
    response = browser.get(f"{address(type(blue.rows[screen]), 'changelist')}?{query}")
    if response.status_code == 200:
        assert blue.rows[screen].pk not in {row.pk for row in response.context["cl"].result_list}
    else:
        assert response.status_code in (302, 400)


def test_roles_can_be_granted_only_where_one_administers(browser: Client, red: Side, blue: Side) -> None:
    form = address(Role, "add")
    assert "blue-index" not in browser.get(form).content.decode()
    before = Role.objects.count()
    browser.post(form, {"index": blue.index.pk, "user": "red-member", "rights": ["read"]})
    foreign_project = {"index": red.index.pk, "project": "blue-project", "user": "red-member", "rights": ["read"]}
    browser.post(form, foreign_project)

    assert Role.objects.count() == before


def test_a_project_admin_grants_on_the_project_alone(red: Side, sign_in: SignIn) -> None:
    keeper = make_user("keeper")
    give(keeper, [Verb.ADMINISTER], red.index, red.project)
    make_project(red.index, "not-the-keepers")
    browser, form = sign_in(keeper), address(Role, "add")

    assert browser.get(form).context["adminform"].form.initial["index"] == red.index.pk
    for project in ("", "not-the-keepers"):
        fields = {"index": red.index.pk, "project": project, "user": "red-member", "rights": ["read"]}
        answer = browser.post(form, fields)
        assert list(answer.context["adminform"].form.errors) == ["project"]
    fields = {"index": red.index.pk, "project": "Red_Project", "user": "red-member", "rights": ["yank"]}
    answer = browser.post(form, fields)
    assert answer.status_code == 302, errors(answer)
    assert Role.objects.get(user=red.member).project == red.project


def test_a_whole_index_is_granted_only_by_who_administers_it(red: Side, blue: Side, sign_in: SignIn) -> None:
    give(red.admin, [Verb.ADMINISTER], blue.index, blue.project)
    browser, form = sign_in(red.admin), address(Role, "add")
    shown = browser.get(form).context["adminform"].form
    assert {index.name for index in shown.fields["index"].queryset} == {"red-index", "blue-index"}
    assert not shown.fields["project"].required
    fields = {"index": blue.index.pk, "project": "", "user": "red-member", "rights": ["read"]}
    assert "whole index 'blue-index'" in errors(browser.post(form, fields))


def test_members_come_only_into_teams_that_one_manages(browser: Client, blue: Side) -> None:
    form = address(blue.membership, "add")
    assert browser.post(form, {"team": "blue-team", "user": "red-admin", "role": "admin"}).status_code == 200
    assert not blue.team.members.filter(username="red-admin").exists()


def test_prefixes_are_reserved_only_where_one_administers(browser: Client, blue: Side) -> None:
    form, before = address(blue.prefix, "add"), _left_alone()
    for index in ("", blue.index.pk):
        assert browser.post(form, {"prefix": "mine", "team": "red-team", "index": index}).status_code == 200

    assert _left_alone() == before


def test_projects_are_made_only_where_one_administers(browser: Client, blue: Side) -> None:
    assert browser.post(address(Project, "add"), {"index": blue.index.pk, "name": "mine"}).status_code == 200
    assert not Project.objects.filter(name="mine").exists()


def test_a_token_is_always_ones_own(browser: Client, red: Side, blue: Side) -> None:
    fields = {"name": "sly", "owner": "blue-admin", "rights": ["read"], "indexes": "", "projects": "", "last_day": ""}
    assert "owner" not in browser.get(address(Token, "add")).context["adminform"].form.fields
    browser.post(address(Token, "add"), fields)

    assert Token.objects.get(name="sly").user == red.admin


def test_a_project_admin_sees_that_project_everywhere_and_the_index_nowhere(red: Side, sign_in: SignIn) -> None:
    other = make_file(make_release(make_project(red.index, "beside"), "1.0"))
    keeper = make_user("keeper")
    give(keeper, [Verb.ADMINISTER], red.index, red.project)
    browser = sign_in(keeper)

    def shown(row: Any) -> set[Any]:
        return {found.pk for found in browser.get(address(row, "changelist")).context["cl"].result_list}

    assert shown(red.project) == {red.project.pk}
    assert shown(red.release) == {red.release.pk}
    assert shown(red.file) == {red.file.pk}
    assert shown(red.index) == set()
    assert shown(red.prefix) == set()
    assert browser.get(address(other), follow=True).redirect_chain
    assert browser.get(address(red.index), follow=True).redirect_chain


def test_who_administers_an_index_and_a_project_elsewhere_sees_both_in_order(
    red: Side, blue: Side, sign_in: SignIn
) -> None:
    give(red.admin, [Verb.ADMINISTER], blue.index, blue.project)
    hidden = make_file(make_release(make_project(blue.index, "hidden"), "1.0"))
    late = make_file(make_release(make_project(red.index, "aaa"), "1.0"))
    browser = sign_in(red.admin)

    def shown(row: Any, query: str = "") -> list[Any]:
        return [found.pk for found in browser.get(address(row, "changelist") + query).context["cl"].result_list]

    assert shown(late) == [late.pk, blue.file.pk, red.file.pk]
    assert hidden.pk not in shown(late)
    assert shown(late, "?index=blue-index") == [blue.file.pk]
    assert shown(late, "?index=red-index") == [late.pk, red.file.pk]
    assert shown(late.project) == [late.project.pk, blue.project.pk, red.project.pk]
    assert shown(late.release) == [late.release.pk, blue.release.pk, red.release.pk]
    assert set(shown(Change)) == {red.rows["change"].pk, blue.rows["change"].pk}


def test_the_log_of_an_earlier_project_of_the_same_name_stays_hidden(red: Side, sign_in: SignIn) -> None:
    keeper = make_user("keeper")
    old = red.rows["change"]
    Project.objects.filter(pk=red.project.pk).delete()
    again = make_project(red.index, "red-project")
    give(keeper, [Verb.ADMINISTER], red.index, again)
    browser = sign_in(keeper)

    assert list(browser.get(address(Change, "changelist")).context["cl"].result_list) == []
    assert browser.get(address(old), follow=True).redirect_chain


def test_administrators_see_everything(red: Side, blue: Side, administrator: User, sign_in: SignIn) -> None:
    browser = sign_in(administrator)
    for screen in SCREENS:
        response = browser.get(address(type(red.rows[screen]), "changelist"))
        shown = {row.pk for row in response.context["cl"].result_list}
        assert {red.rows[screen].pk, blue.rows[screen].pk} <= shown


def test_losing_the_role_ends_it_at_once(browser: Client, red: Side) -> None:
    Role.objects.filter(team=red.team).delete()
    response = browser.get(address(red.project), follow=True)

    assert messages(response) == ["There is no such project here (any more)."]


def test_the_admins_own_ways_around_a_screen_are_closed(browser: Client, blue: Side) -> None:
    assert browser.get(f"/admin/r/1/{blue.index.pk}/").status_code == 404
    assert browser.get("/admin/autocomplete/?app_label=indexapp&model_name=file&field_name=index").status_code == 404
    for row in blue.rows.values():
        assert browser.get(f"{address(type(row), 'changelist')}?_popup=1&_to_field=id").status_code in (200, 302, 400)


def test_a_column_cannot_be_guessed_by_a_lookup(browser: Client, red: Side) -> None:
    for query in ("digest__startswith=a", "user__password__startswith=a", "name=red-token"):
        assert browser.get(f"{address(Token, 'changelist')}?{query}").status_code == 400


def test_ids_that_cannot_be_ids_name_no_row(browser: Client, red: Side) -> None:
    before = publishing()
    for odd in ("0", "-1", "abc", "9" * 30, "1 OR 1=1", "²"):
        answer = browser.post(
            address(Project, "changelist"), {"action": "archive", "_selected_action": [odd], "confirmed": "yes"}
        )
        assert answer.status_code == 302
        for view in ("change", "delete", "history"):
            assert browser.get(f"/admin/indexapp/project/{odd}/{view}/").status_code == 302

    assert publishing() == before


def test_all_pages_at_once_is_never_meant(browser: Client, red: Side) -> None:
    another = make_project(red.index, "another")
    fields = {"action": "archive", "_selected_action": [red.project.pk], "select_across": "1", "confirmed": "yes"}
    browser.post(address(Project, "changelist"), fields)

    assert Project.objects.get(pk=red.project.pk).status == "archived"
    assert Project.objects.get(pk=another.pk).status == "active"


def test_an_index_of_which_one_is_no_admin_is_no_filter(browser: Client, red: Side) -> None:
    make_index("third")
    assert "third" not in browser.get(address(Project, "changelist")).content.decode()
