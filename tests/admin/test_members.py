"""Taking people in by the console tells no more of who there is than by the REST API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEntry, Membership, Team
from accounts.services import unseen_names
from tests.admin.conftest import SignIn
from tests.admin.screens import Side, address, errors, members_row
from tests.factories.people import make_service_account, make_team, make_user

pytestmark = [pytest.mark.database, pytest.mark.django_db]

NAMES = ("nobody", "gone", "svc-other", "Someone", "some")


@pytest.fixture
def browser(red: Side, sign_in: SignIn) -> Client:
    """Of the admin of one team, among accounts of others."""
    make_user("someone")
    make_user("gone", is_active=False)
    make_service_account(make_team("others"), "svc-other")
    return sign_in(red.admin)


def by_table(browser: Client, red: Side, name: str) -> Any:
    own = Membership.objects.get(team=red.team, user=red.admin)
    fields: dict[str, Any] = {"title": "Changed", "description": ""}
    fields |= members_row(0, id=own.pk, role="admin", total=3, initial=2)
    fields |= members_row(1, id=red.membership.pk, role="member", total=3, initial=2)
    return browser.post(address(red.team), fields | members_row(2, user=name, role="member", total=3, initial=2))


def by_list(browser: Client, red: Side, name: str) -> Any:
    return browser.post(address(Membership, "add"), {"team": red.team.name, "user": name, "role": "member"})


def of_a_new_team(browser: Client, red: Side, name: str) -> Any:
    fields = {"name": "below", "title": "", "description": "", "parent": red.team.name}
    return browser.post(address(Team, "add"), fields | members_row(0, user=name, role="member", total=1))


@pytest.mark.parametrize("take_in", [by_table, by_list, of_a_new_team])
def test_all_names_that_fail_get_one_answer_that_is_written_down(
    browser: Client, red: Side, take_in: Callable[[Client, Side, str], Any]
) -> None:
    told = {errors(take_in(browser, red, name)) for name in NAMES}
    assert len(told) == 1
    assert "of exactly this user name" in told.pop()
    attempts = AuditEntry.objects.filter(action="team.set-member", outcome="refused")
    assert [(one.actor_name, one.reason) for one in attempts] == [(red.admin.username, "user-unknown")] * len(NAMES)
    assert not any(name in str(one.detail) + one.object_name for one in attempts for name in NAMES)
    assert Team.objects.get(pk=red.team.pk).title == ""
    assert take_in(browser, red, "someone").status_code == 302
    assert Membership.objects.filter(user__username="someone").exists()


@pytest.mark.parametrize("take_in", [by_table, by_list, of_a_new_team])
def test_who_tries_too_many_is_told_nothing_of_any(
    browser: Client, red: Side, take_in: Callable[[Client, Side, str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unseen_names, "MOST", 2)
    for name in NAMES[:2]:
        take_in(browser, red, name)
    assert "Too many names" in errors(take_in(browser, red, "someone"))
    assert not Membership.objects.filter(user__username="someone").exists()
