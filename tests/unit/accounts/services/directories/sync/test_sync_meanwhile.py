"""Syncs, and people who sign in while one runs: what the directory said last holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from accounts.models import BrowserSession, Directory, Team, User, VerifiedPassword
from accounts.services import passwords, sessions, tokens
from accounts.services.directories.sync import removing
from tests.factories.directories import map_group
from tests.factories.people import make_team, make_token
from tests.unit.accounts.services.directories.syncing import run

if TYPE_CHECKING:
    from tests.servers.slapd import Slapd

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture(params=["count", "remove"])
def between(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Let something happen before a step of the sync that follows the reading."""

    def arrange(happens: Callable[[], object]) -> None:
        step = getattr(removing, request.param)

        def after(*given: object) -> object:
            monkeypatch.setattr(removing, request.param, step)
            happens()
            return step(*given)

        monkeypatch.setattr(removing, request.param, after)

    return arrange


def enter(slapd: Slapd, name: str) -> User:
    passwords.verify(username=name, password=slapd.password_of(name), address="192.0.2.1")
    return User.objects.get(username=name)


def leaving(slapd: Slapd, corp: Directory) -> None:
    """Somebody whom the sync has to shut out, so that it comes to taking."""
    run(corp)
    slapd.delete(slapd.person_dn("bob"))


def test_who_came_after_the_reading_stays(
    slapd: Slapd, corp: Directory, between: Callable[[Callable[[], object]], None]
) -> None:
    leaving(slapd, corp)
    texts = []

    def come() -> None:
        slapd.add_person("newcomer")
        user = enter(slapd, "newcomer")
        texts.append(make_token(user)[1])
        sessions.begin(user=user, address="", browser="")

    between(come)
    done = run(corp)

    assert (done.state, done.removed) == ("done", 1)
    newcomer = User.objects.get(username="newcomer")
    assert (newcomer.is_active, newcomer.ended_by) == (True, "")
    assert tokens.recognise(texts[0]) is not None
    assert BrowserSession.objects.filter(user=newcomer).count() == 1


def test_who_came_back_after_the_reading_stays_even_if_seen_a_moment_before_it(
    slapd: Slapd, corp: Directory, between: Callable[[Callable[[], object]], None]
) -> None:
    leaving(slapd, corp)
    enter(slapd, "alice")
    slapd.rename(slapd.person_dn("alice"), "uid=alice", under=slapd.groups_dn)

    def come() -> None:
        slapd.rename(f"uid=alice,{slapd.groups_dn}", "uid=alice", under=slapd.people_dn)
        slapd.set_members("team-a", ["alice"])
        VerifiedPassword.objects.all().delete()
        enter(slapd, "alice")

    between(come)
    assert run(corp).removed == 1
    assert User.objects.get(username="alice").is_active


def test_what_a_sign_in_has_given_since_the_reading_is_not_taken(
    slapd: Slapd, corp: Directory, tools: Team, between: Callable[[Callable[[], object]], None]
) -> None:
    late = make_team("late")
    slapd.add_group("night", [])
    map_group(corp, slapd.group_dn("night"), late)
    map_group(corp, slapd.group_dn("night"), None, instance_role="operator")
    leaving(slapd, corp)

    def come() -> None:
        slapd.set_members("night", ["alice"])
        enter(slapd, "alice")

    between(come)
    done = run(corp)

    alice = User.objects.get(username="alice")
    assert (done.state, set(alice.teams.values_list("name", flat=True))) == ("done", {"tools", "late"})
    assert alice.directory_roles != 0


def test_what_a_changed_entry_no_longer_has_is_taken_by_the_same_sync(
    slapd: Slapd, corp: Directory, tools: Team
) -> None:
    run(corp)
    slapd.set_attribute(slapd.person_dn("alice"), "mail", "other@tpi.example")
    slapd.set_members("team-a", [])
    assert run(corp).memberships_removed == 1
    assert set(tools.memberships.values_list("user__username", flat=True)) == {"bob"}
