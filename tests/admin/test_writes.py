"""Whatever the console changes, a service changes: with its audit row, its change record and its own rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.domain.verbs import Verb, as_words, from_mask
from accounts.models import AuditEntry, Membership, Team, Token, User
from accounts.services import tokens
from indexapp.models import File, Index, Project, Release, ReservedPrefix, Role
from indexapp.services import indexes
from tests.admin.conftest import SignIn
from tests.admin.screens import Side, address, do, do_many, errors, messages
from tests.evidence import collecting
from tests.factories.people import PASSWORD, make_team, make_user
from tests.factories.publishing import make_group, make_index, make_project, make_release

INDEX = {"project_creation": "uploaders", "profile": "enterprise", "allow_passwords": "on"}
NO_MEMBERS = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}


@pytest.fixture
def root(administrator: User, sign_in: SignIn) -> Client:
    """The browser of an administrator of the instance."""
    return sign_in(administrator)


@pytest.fixture
def browser(red: Side, sign_in: SignIn) -> Client:
    """The browser of the red team's admin."""
    return sign_in(red.admin)


@pytest.mark.parametrize(
    ("screen", "action", "acts", "kinds"),
    [
        ("project", "archive", ["project.archive"], ["project-status"]),
        ("project", "deprecate", ["project.deprecate"], ["project-status"]),
        ("project", "quarantine", ["project.quarantine"], ["project-status"]),
        ("project", "clear", ["project.clear"], ["project-status"]),
        ("project", "delete", ["project.delete"], ["project-deleted"]),
        ("release", "yank", ["release.yank"], ["release-yanked"]),
        ("release", "unyank", ["release.unyank"], ["release-unyanked"]),
        ("release", "delete", ["release.delete"], ["release-deleted"]),
        ("file", "yank", ["file.yank"], ["file-yanked"]),
        ("file", "unyank", ["file.unyank"], ["file-unyanked"]),
        ("file", "delete", ["file.delete"], ["file-deleted"]),
        ("role", "delete", ["role.revoke"], []),
        ("prefix", "delete", ["prefix.release"], []),
        ("token", "revoke", ["token.revoke"], []),
        ("membership", "delete", ["team.remove-member"], []),
    ],
)
def test_an_action_writes_its_evidence(
    browser: Client, red: Side, screen: str, action: str, acts: list[str], kinds: list[str]
) -> None:
    row, evidence = red.rows[screen], collecting()
    answer = do(browser, row, action, reason="It had to be", typed=str(row))

    assert answer.redirect_chain, errors(answer)
    assert evidence.actions == acts
    assert evidence.kinds == kinds
    assert {entry.actor_name for entry in evidence.audit} == {"red-admin"}
    assert {entry.method for entry in evidence.audit} == {"session"}
    assert len(messages(answer)) == 1


@pytest.mark.parametrize("screen", ["project", "release", "file"])
def test_a_reason_is_kept(browser: Client, red: Side, screen: str) -> None:
    row = red.rows[screen]
    do(browser, row, "archive" if screen == "project" else "yank", reason="It had to be")
    row.refresh_from_db()

    assert getattr(row, "status_reason" if screen == "project" else "yank_reason") == "It had to be"


@pytest.mark.parametrize("screen", ["project", "index"])
def test_what_is_large_goes_only_when_its_name_is_typed(
    root: Client, red: Side, administrator: User, screen: str
) -> None:
    row = make_index("empty") if screen == "index" else red.project
    for typed in ("", "something else", str(row).upper()):
        assert do(root, row, "delete", typed=typed).redirect_chain == []
        assert type(row).objects.filter(pk=row.pk).exists()
    do(root, row, "delete", typed=str(row))

    assert not type(row).objects.filter(pk=row.pk).exists()


def test_asking_changes_nothing(browser: Client, red: Side) -> None:
    evidence = collecting()
    for row, action in ((red.project, "archive"), (red.file, "delete"), (red.role, "delete")):
        assert browser.get(address(row, "do", action)).status_code == 200
        assert browser.post(address(row, "do", action), {}).status_code == 200
    browser.post(address(File, "changelist"), {"action": "delete", "_selected_action": [red.file.pk], "index": "0"})

    assert evidence.actions == []


def test_ticked_rows_are_asked_about_together(browser: Client, red: Side) -> None:
    other = make_project(red.index, "other")
    page = browser.post(
        address(Project, "changelist"),
        {"action": "archive", "_selected_action": [red.project.pk, other.pk], "index": "0"},
    )
    assert "red-project" in page.content.decode()
    assert "other" in page.content.decode()
    answer = do_many(browser, "archive", red.project, other, reason="old")

    assert set(Project.objects.filter(index=red.index).values_list("status", "status_reason")) == {("archived", "old")}
    assert messages(answer) == ["2 projects were archived."]


def test_of_ticked_rows_those_that_may_are_done_and_the_others_explained(
    red: Side, administrator: User, root: Client
) -> None:
    person = make_user("somebody")
    answer = do_many(root, "disable", administrator, person)

    assert messages(answer) == [
        "User 'somebody' was disabled.",
        "You cannot disable or demote yourself; ask another administrator.",
    ]
    assert User.objects.get(pk=administrator.pk).is_active
    assert not User.objects.get(pk=person.pk).is_active


# Indexes


def test_an_index_is_made(root: Client) -> None:
    evidence = collecting()
    fields = {
        "name": "tools",
        "kind": "hosted",
        "title": "Tools",
        "max_file_size": "1.5 GiB",
        "allowed_platforms": "any",
    }
    assert root.post(address(Index, "add"), {**INDEX, **fields}).status_code == 302
    made = Index.objects.get(name="tools")

    assert (made.title, made.max_file_size, made.allowed_platforms) == ("Tools", 3 * 2**29, ["any"])
    assert evidence.actions == ["index.create"]
    assert evidence.kinds == ["index-created"]


def test_a_group_is_made_with_its_members_in_order(root: Client) -> None:
    for name in ("a", "b", "c"):
        make_index(name)
    fields = {"name": "all", "kind": "group", "members": "c\n a\n\nb"}
    root.post(address(Index, "add"), {**INDEX, **fields})
    assert indexes.member_names(Index.objects.get(name="all")) == ["c", "a", "b"]


def test_a_groups_members_are_put_in_another_order(root: Client) -> None:
    group = make_group("all", make_index("a"), make_index("b"))
    page = root.get(address(group)).content.decode()
    assert "a\nb</textarea>" in page
    evidence = collecting()
    root.post(address(group), {**INDEX, "members": "b\na"})

    assert indexes.member_names(group) == ["b", "a"]
    assert evidence.audit[0].detail["before"]["members"] == ["a", "b"]
    assert evidence.audit[0].detail["after"]["members"] == ["b", "a"]


def test_an_index_is_changed_by_who_administers_it(browser: Client, red: Side) -> None:
    evidence = collecting()
    answer = browser.post(address(red.index), {**INDEX, "title": "Red things", "closing_window_days": "14"})
    assert answer.status_code == 302
    red.index.refresh_from_db()

    assert (red.index.title, red.index.closing_window_days) == ("Red things", 14)
    assert evidence.audit[0].detail == {
        "before": {"title": "", "closing_window_days": None},
        "after": {"title": "Red things", "closing_window_days": 14},
    }


def test_saving_without_a_change_writes_nothing(browser: Client, red: Side) -> None:
    evidence = collecting()
    assert browser.post(address(red.index), INDEX).status_code == 302
    assert evidence.actions == []


def test_the_default_index_is_chosen_by_administrators(root: Client, browser: Client, red: Side) -> None:
    assert do(browser, red.index, "make-default").status_code == 404
    do(root, red.index, "make-default")

    assert Index.objects.get(is_default=True) == red.index
    assert AuditEntry.objects.filter(action="index.make-default", actor_name="root").count() == 1


def test_an_empty_project_is_made(browser: Client, red: Side) -> None:
    evidence = collecting()
    browser.post(address(Project, "add"), {"index": red.index.pk, "name": "Brand.New"})

    assert Project.objects.get(index=red.index, normalized_name="brand-new").name == "Brand.New"
    assert evidence.actions == ["project.create"]
    assert evidence.kinds == ["project-created"]


# Rights


@pytest.mark.parametrize("holder", ["user", "team"])
@pytest.mark.parametrize("project", ["", "red-project"])
def test_a_role_is_granted(browser: Client, red: Side, holder: str, project: str) -> None:
    who = make_user("newcomer") if holder == "user" else make_team("newcomers")
    evidence = collecting()
    fields = {"index": red.index.pk, "project": project, holder: str(who), "rights": ["upload", "yank"]}
    assert browser.post(address(Role, "add"), fields).status_code == 302
    role = Role.objects.get(**{holder: who})

    assert as_words(from_mask(role.verbs)) == ["read", "upload", "yank"]
    assert (role.project is not None) == bool(project)
    assert evidence.actions == ["role.grant"]


def test_other_verbs_take_the_place_of_a_roles_old_ones(browser: Client, red: Side) -> None:
    evidence = collecting()
    browser.post(address(red.role), {"rights": ["read"]})
    red.role.refresh_from_db()

    assert from_mask(red.role.verbs) == {Verb.READ}
    assert evidence.actions == ["role.grant"]


def test_a_prefix_is_reserved(browser: Client, red: Side) -> None:
    evidence = collecting()
    fields = {"prefix": "Red_Things", "team": "red-team", "index": red.index.pk}
    assert browser.post(address(ReservedPrefix, "add"), fields).status_code == 302

    assert ReservedPrefix.objects.filter(prefix="red-things", index=red.index).exists()
    assert evidence.actions == ["prefix.reserve"]


# People


def test_a_user_is_made_with_a_password(root: Client) -> None:
    evidence = collecting()
    fields = {"username": "ann", "email": "ann@tpi.example", "password": PASSWORD, "repeated": PASSWORD}
    assert root.post(address(User, "add"), fields).status_code == 302
    ann = User.objects.get(username="ann")

    assert ann.check_password(PASSWORD)
    assert not ann.is_superuser
    assert evidence.actions == ["user.create"]
    assert PASSWORD not in str([entry.detail for entry in evidence.audit])


def test_a_user_without_a_password_has_none(root: Client) -> None:
    root.post(address(User, "add"), {"username": "robot", "email": "", "password": "", "repeated": ""})
    assert not User.objects.get(username="robot").has_usable_password()


def test_a_user_is_changed(root: Client) -> None:
    ann, evidence = make_user("ann"), collecting()
    fields = {"email": "new@tpi.example", "first_name": "Ann", "last_name": "", "is_active": "on"}
    assert root.post(address(ann), fields).status_code == 302
    ann.refresh_from_db()

    assert (ann.email, ann.first_name, ann.is_active) == ("new@tpi.example", "Ann", True)
    assert evidence.audit[0].detail["before"]["email"] == "ann@tpi.example"


@pytest.mark.parametrize(
    ("action", "field", "value"),
    [
        ("disable", "is_active", False),
        ("enable", "is_active", True),
        ("promote", "is_superuser", True),
        ("demote", "is_superuser", False),
    ],
)
def test_a_users_standing_is_changed(root: Client, action: str, field: str, value: bool) -> None:
    ann = make_user("ann", is_active=action != "enable", is_superuser=action == "demote")
    evidence = collecting()
    do(root, ann, action)
    ann.refresh_from_db()

    assert getattr(ann, field) is value
    assert evidence.actions == ["user.change"]


def test_a_password_is_set(root: Client) -> None:
    ann, evidence = make_user("ann"), collecting()
    fields = {"password1": "another good password", "password2": "another good password"}
    answer = do(root, ann, "set-password", **fields)
    ann.refresh_from_db()

    assert answer.redirect_chain, errors(answer)
    assert ann.check_password("another good password")
    assert evidence.actions == ["user.set-password"]


def test_a_user_is_deleted(root: Client) -> None:
    ann, evidence = make_user("ann"), collecting()
    do(root, ann, "delete")

    assert not User.objects.filter(pk=ann.pk).exists()
    assert evidence.actions == ["user.delete"]


def test_a_team_is_made_with_its_first_members(root: Client) -> None:
    make_user("ann")
    evidence = collecting()
    fields = {"name": "tools", "title": "", "description": "", **_row(0, user="ann", role="admin", total=1)}
    answer = root.post(address(Team, "add"), fields)
    assert answer.status_code == 302, errors(answer)

    assert list(Membership.objects.values_list("user__username", "role")) == [("ann", "admin")]
    assert evidence.actions == ["team.create", "team.set-member"]


def test_a_teams_admin_changes_it_and_its_members(browser: Client, red: Side) -> None:
    newcomer, evidence = make_user("newcomer"), collecting()
    own = Membership.objects.get(team=red.team, user=red.admin)
    fields = {
        "title": "The reds",
        "description": "",
        **_row(0, id=own.pk, role="admin", total=3, initial=2),
        **_row(1, id=red.membership.pk, role="maintainer", total=3, initial=2),
        **_row(2, user="newcomer", role="member", total=3, initial=2),
    }
    answer = browser.post(address(red.team), fields)
    assert answer.status_code == 302, errors(answer)
    red.team.refresh_from_db()

    assert red.team.title == "The reds"
    assert Membership.objects.get(pk=red.membership.pk).role == "maintainer"
    assert Membership.objects.filter(team=red.team, user=newcomer, role="member").exists()
    assert sorted(evidence.actions) == ["team.change", "team.set-member", "team.set-member"]


def test_a_member_is_taken_out(browser: Client, red: Side) -> None:
    own, evidence = Membership.objects.get(team=red.team, user=red.admin), collecting()
    fields = {
        "title": "",
        "description": "",
        **_row(0, id=own.pk, role="admin", total=2, initial=2),
        **_row(1, id=red.membership.pk, role="member", DELETE="on", total=2, initial=2),
    }
    browser.post(address(red.team), fields)

    assert not Membership.objects.filter(pk=red.membership.pk).exists()
    assert evidence.actions == ["team.remove-member"]


def test_a_large_team_is_looked_after_in_the_list_of_members(browser: Client, red: Side) -> None:
    Membership.objects.bulk_create([Membership(team=red.team, user=make_user()) for _ in range(101)])
    assert "memberships-TOTAL_FORMS" not in browser.get(address(red.team)).content.decode()
    assert browser.post(address(red.team), {"title": "Many", "description": ""}).status_code == 302
    make_user("late")
    evidence = collecting()
    browser.post(address(Membership, "add"), {"team": "red-team", "user": "late", "role": "member"})
    membership = Membership.objects.get(user__username="late")
    browser.post(address(membership), {"role": "maintainer"})

    assert Membership.objects.get(pk=membership.pk).role == "maintainer"
    assert evidence.actions == ["team.set-member", "team.set-member"]


def test_another_teams_membership_cannot_be_slipped_into_a_teams_form(browser: Client, red: Side, blue: Side) -> None:
    fields = {"title": "", "description": "", **_row(0, id=blue.membership.pk, role="admin", total=1, initial=1)}
    browser.post(address(red.team), fields)

    assert Membership.objects.get(pk=blue.membership.pk).role == "member"
    assert Membership.objects.get(pk=blue.membership.pk).team == blue.team


def _row(number: int, *, total: int, initial: int = 0, **fields: object) -> dict[str, object]:
    """One row of the members' table, with the counts that say how many there are."""
    counts = {"memberships-TOTAL_FORMS": total, "memberships-INITIAL_FORMS": initial}
    return {**counts, **{f"memberships-{number}-{name}": value for name, value in fields.items()}}


# Tokens


def test_a_token_is_shown_once(browser: Client, red: Side) -> None:
    evidence = collecting()
    fields = {
        "name": "CI",
        "rights": ["read", "upload"],
        "indexes": "red-index",
        "projects": "Red_Project",
        "last_day": "2999-12-31",
    }
    answer = browser.post(address(Token, "add"), fields)
    text, token = answer.context["text"], Token.objects.get(name="CI")

    assert answer.status_code == 200
    assert text in answer.content.decode()
    assert "no-store" in answer.headers["Cache-Control"]
    assert (token.user, token.indexes, token.projects) == (red.admin, ["red-index"], ["red-project"])
    assert token.expires_at == datetime(2999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    assert tokens.recognise(text) is not None
    assert evidence.actions == ["token.issue"]
    for page in (address(Token, "changelist"), address(token), "/admin/", address(AuditEntry, "changelist")):
        assert text not in browser.get(page).content.decode()
    assert text not in str(dict(browser.session))


def test_an_administrator_issues_for_somebody(root: Client) -> None:
    make_user("ann")
    fields = {"name": "CI", "owner": "ANN", "rights": ["read"], "indexes": "", "projects": "", "last_day": ""}
    answer = root.post(address(Token, "add"), fields)

    assert Token.objects.get(name="CI").user.username == "ann"
    assert AuditEntry.objects.get(action="token.issue").actor_name == "root"
    assert answer.status_code == 200


def test_a_revoked_token_ends_at_once(browser: Client, red: Side) -> None:
    do_many(browser, "revoke", red.token)
    red.token.refresh_from_db()

    assert red.token.revoked_at is not None
    assert red.token.revoked_at <= timezone.now() + timedelta(seconds=1)


def test_deleting_a_release_from_the_list_takes_its_files_along(browser: Client, red: Side) -> None:
    other = make_release(red.project, "2.0")
    do_many(browser, "delete", red.release)

    assert list(Release.objects.filter(project=red.project)) == [other]
    assert not File.objects.filter(pk=red.file.pk).exists()
