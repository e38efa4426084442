"""Whatever the console changes, a service changes: with its audit row, its change record and its own rules."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.domain.verbs import Verb, as_words, from_mask
from accounts.models import AuditEntry, User
from indexapp.models import File, Index, Project, Release, ReservedPrefix, Role
from indexapp.services import indexes
from tests.admin.conftest import SignIn
from tests.admin.screens import INDEX, Side, address, do, do_many, errors, messages
from tests.evidence import collecting
from tests.factories.people import make_team, make_user
from tests.factories.publishing import make_group, make_index, make_project, make_release


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


def test_the_page_says_how_much_goes(browser: Client, red: Side) -> None:
    make_release(red.project, "2.0")
    assert "It has 2 releases and 1 file." in browser.get(address(red.project, "delete")).content.decode()
    assert "It has 1 file." in browser.get(address(red.release, "delete")).content.decode()


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


def test_deleting_a_release_from_the_list_takes_its_files_along(browser: Client, red: Side) -> None:
    other = make_release(red.project, "2.0")
    do_many(browser, "delete", red.release)

    assert list(Release.objects.filter(project=red.project)) == [other]
    assert not File.objects.filter(pk=red.file.pk).exists()
