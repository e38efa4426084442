"""Accounts and memberships that a directory keeps: shown as such, and nothing offered that its next sync would undo."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Directory, GroupMapping, Membership, Team, User
from tests.admin.conftest import SignIn
from tests.admin.screens import NO_MEMBERS, Side, address, do, do_many, errors, messages, refusal
from tests.factories.directories import silent_directory
from tests.factories.people import join, make_service_account, make_team, make_user

pytestmark = pytest.mark.django_db
DN = "uid=ann,ou=people,dc=tpi"
DEVS = "cn=devs,ou=groups,dc=tpi"


@pytest.fixture
def root(administrator: User, sign_in: SignIn) -> Client:
    return sign_in(administrator)


@pytest.fixture
def corp() -> Directory:
    return silent_directory()


@pytest.fixture
def ann(corp: Directory) -> User:
    person = make_user("ann")
    User.objects.filter(pk=person.pk).update(
        directory=corp, directory_key="1", directory_dn=DN, directory_seen_at=timezone.now(), first_name="Ann"
    )
    return User.objects.get(pk=person.pk)


def _buttons(browser: Client, row: User) -> set[str]:
    return set(re.findall(r"/do/([a-z-]+)/", browser.get(address(row)).content.decode()))


def test_where_the_person_comes_from_is_said_and_linked(root: Client, ann: User, corp: Directory) -> None:
    page = root.get(address(ann)).content.decode()
    assert f'<a href="{address(corp)}">directory corp</a> (as of <time' in page
    assert DN in page
    assert "so they are changed there" in page
    local = root.get(address(make_user("ben"))).content.decode()
    assert "as of" not in local
    assert "changed there" not in local


def test_what_the_directory_says_is_only_shown(root: Client, ann: User) -> None:
    page = root.get(address(ann)).content.decode()
    for name in ("email", "first_name", "last_name", "is_active"):
        assert f'name="{name}"' not in page
    answer = root.post(address(ann), {"email": "other@tpi.example", "first_name": "Eve", "is_superuser": "on"})
    assert answer.status_code == 302
    ann.refresh_from_db()
    assert (ann.email, ann.first_name, ann.is_active, ann.is_superuser) == ("ann@tpi.example", "Ann", True, True)


def test_a_password_is_offered_only_where_it_is_kept(root: Client, ann: User) -> None:
    assert "set-password" not in _buttons(root, ann)
    assert "set-password" not in _buttons(root, make_service_account(make_team(), "svc-build"))
    assert "set-password" in _buttons(root, make_user("ben"))


def test_who_was_shut_out_by_the_directory_is_enabled_with_a_warning(root: Client, ann: User) -> None:
    User.objects.update(is_active=True)
    User.objects.filter(pk=ann.pk).update(is_active=False, ended_by=User.Ended.DIRECTORY)
    assert "at its next sync" in root.get(address(ann, "do", "enable")).content.decode()
    User.objects.filter(pk=ann.pk).update(ended_by=User.Ended.ADMINISTRATOR)
    assert "at its next sync" not in root.get(address(ann, "do", "enable")).content.decode()


@pytest.fixture
def devs(corp: Directory, ann: User, red: Side) -> Team:
    """The red team, where ann is by a group, and its member by hand."""
    join(ann, red.team, role="maintainer", directory=corp)
    for group, role in ((DEVS, "maintainer"), ("cn=other,dc=tpi", "member")):
        GroupMapping.objects.create(directory=corp, group_dn=group, team=red.team, role=role)
    return red.team


def test_a_team_marks_whom_a_group_put_there(devs: Team, red: Side, sign_in: SignIn) -> None:
    page = sign_in(red.admin).get(address(devs)).content.decode()
    [row] = [row for row in page.split("<tr>") if "ann" in row]
    assert f"from the directory corp, by {DEVS}" in row
    assert "cn=other" not in row
    assert "checkbox" not in row
    assert "<select" not in row
    [local] = [row for row in page.split("<tr>") if "red-member" in row]
    assert "checkbox" in local
    assert "the next sync would bring them back" in page


def test_a_service_account_is_not_offered_to_be_taken_out(red: Side, sign_in: SignIn) -> None:
    program, browser = make_service_account(red.team, "svc-red"), sign_in(red.admin)
    [row] = [row for row in browser.get(address(red.team)).content.decode().split("<tr>") if "svc-red" in row]
    assert "service account of the team" in row
    assert "checkbox" not in row
    assert "<select" not in row
    assert "Take out" not in browser.get(address(Membership.objects.get(user=program))).content.decode()


def test_a_teams_form_leaves_them_where_they_are(devs: Team, red: Side, ann: User, sign_in: SignIn) -> None:
    rows = list(Membership.objects.filter(team=devs).order_by("user__username", "pk"))
    fields: dict[str, object] = {"memberships-TOTAL_FORMS": len(rows), "memberships-INITIAL_FORMS": len(rows)}
    for number, row in enumerate(rows):
        fields |= {f"memberships-{number}-id": row.pk, f"memberships-{number}-role": "admin"}
        fields[f"memberships-{number}-DELETE"] = "on" if row.user_id == ann.pk else ""
    answer = sign_in(red.admin).post(address(devs), {**NO_MEMBERS, **fields, "title": "Red"})
    assert answer.status_code == 302, errors(answer)
    assert Membership.objects.get(user=ann).role == "maintainer"
    assert Membership.objects.get(user=red.member).role == "admin"


def test_a_place_of_a_directory_is_only_shown_and_not_taken_away(
    devs: Team, red: Side, ann: User, sign_in: SignIn
) -> None:
    browser, row = sign_in(red.admin), Membership.objects.get(user=ann)
    page = browser.get(address(row)).content.decode()
    assert DEVS in page
    assert 'name="role"' not in page
    assert "Take out" not in page
    join(ann, devs)
    assert "would bring them back" in refusal(do(browser, row, "delete"))
    assert "would bring them back" in " ".join(messages(do_many(browser, "delete", row)))
    assert Membership.objects.filter(user=ann).count() == 2
    listed = browser.get(address(Membership, "changelist")).content.decode()
    assert DEVS in listed


def test_the_members_of_a_directory_cost_no_query_each(devs: Team, red: Side, corp: Directory, sign_in: SignIn) -> None:
    browser = sign_in(red.admin)

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            browser.get(address(devs))
        return len(captured)

    few = cost()
    for _ in range(10):
        join(make_user(), devs, role="maintainer", directory=corp)
    assert cost() == few
