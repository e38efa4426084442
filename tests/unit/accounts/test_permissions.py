"""Which people, teams, tokens and alarms each of the cast sees."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db.models import QuerySet

from accounts import permissions
from accounts.domain.actors import Actor
from accounts.domain.verbs import ALL_VERBS, Verb
from accounts.models import Membership, Team
from accounts.services import alarms
from tests.factories.cast import ROLES, Cast
from tests.factories.people import make_service_account, make_team, make_token

pytestmark = [pytest.mark.database, pytest.mark.django_db]

SEES_ALL = {"auditor", "security_officer", "administrator"}


def _names(rows: QuerySet[Team]) -> set[str]:
    return set(rows.values_list("name", flat=True))


@pytest.fixture
def teams(cast: Cast) -> dict[str, Team]:
    """A line of four with the cast's team in the second place, and one beside it."""
    top = make_team("top")
    Team.objects.filter(pk=cast.team.pk).delete()
    cast.team = make_team("tools", cast.member, admins=[cast.team_admin], parent=top)
    Membership.objects.create(team=cast.team, user=cast.maintainer, role="maintainer")
    below = make_team("below", parent=cast.team)
    return {
        "top": top,
        "tools": cast.team,
        "below": below,
        "lowest": make_team("lowest", parent=below),
        "x": make_team("x"),
    }


@pytest.mark.parametrize(
    ("role", "seen", "maintained", "managed"),
    [
        ("outsider", set(), set(), set()),
        ("member", {"top", "tools"}, set(), set()),
        ("maintainer", {"top", "tools", "below", "lowest"}, {"tools", "below", "lowest"}, set()),
        (
            "team_admin",
            {"top", "tools", "below", "lowest"},
            {"tools", "below", "lowest"},
            {"tools", "below", "lowest"},
        ),
        ("auditor", {"top", "tools", "below", "lowest", "x"}, set(), set()),
        ("operator", set(), set(), set()),
        ("security_officer", {"top", "tools", "below", "lowest", "x"}, set(), set()),
    ],
)
def test_teams_seen_and_looked_after(
    cast: Cast, teams: dict[str, Team], role: str, seen: set[str], maintained: set[str], managed: set[str]
) -> None:
    actor = cast.actor(role)
    places = (Membership.Place.MAINTAINER, Membership.Place.ADMIN)
    assert _names(permissions.teams_visible_to(actor)) == seen
    assert _names(permissions.managed_teams(actor, *places)) == maintained
    assert _names(permissions.managed_teams(actor)) == managed
    for name, team in teams.items():
        assert permissions.holds_place(actor, team.pk, *places) is (name in maintained)
        assert permissions.holds_place(actor, team.pk, Membership.Place.ADMIN) is (name in managed)
        assert permissions.is_in_team(actor, team.pk) is (
            role in ("member", "maintainer", "team_admin") and name in ("top", "tools")
        )


@pytest.mark.parametrize(
    ("verbs", "bounds", "may"),
    [
        (ALL_VERBS, {}, True),
        ([Verb.ADMINISTER], {}, True),
        ([Verb.UPLOAD], {}, False),
        (ALL_VERBS, {"indexes": ["main"]}, False),
        (ALL_VERBS, {"projects": ["acme"]}, False),
    ],
)
def test_a_token_reaches_people_only_without_bounds(
    cast: Cast, verbs: list[Verb], bounds: dict[str, list[str]], may: bool
) -> None:
    actor = cast.token_actor("team_admin", verbs, **bounds)
    assert permissions.managed_teams(actor).exists() is may
    make_token(make_service_account(cast.team))
    others = permissions.tokens_visible_to(actor).exclude(user=cast.team_admin)
    assert others.exists() is may
    assert permissions.service_accounts_of(actor).exists() is may


ASKERS: dict[str, tuple[Callable[[Actor], QuerySet], set[str]]] = {  # type: ignore[type-arg]  # rows of any kind
    "accounts": (permissions.users_visible_to, SEES_ALL),
    "audit": (permissions.audit_visible_to, SEES_ALL),
    "alarms": (permissions.alarms_visible_to, SEES_ALL | {"operator"}),
}


@pytest.mark.parametrize("asker", ASKERS)
def test_who_sees_what_is_the_instances(cast: Cast, asker: str) -> None:
    alarms.ring("test", "Something needs a person.")
    ask, allowed = ASKERS[asker]
    found = {role for role in ROLES if ask(cast.actor(role)).exclude(pk=cast.actor(role).user_id).exists()}
    if asker == "alarms":
        found = {role for role in ROLES if ask(cast.actor(role)).exists()}
    assert found == allowed


def test_service_accounts_are_seen_by_their_team_and_looked_after_by_some_of_it(cast: Cast) -> None:
    program = make_service_account(cast.team)
    make_service_account(make_team())
    seen = {
        role: set(permissions.service_accounts_visible_to(cast.actor(role)).values_list("pk", flat=True))
        for role in ROLES
    }
    assert {role for role, pks in seen.items() if program.pk in pks} == SEES_ALL | {
        "member",
        "maintainer",
        "team_admin",
    }
    assert {role for role, pks in seen.items() if len(pks) > 1} == SEES_ALL
    looked_after = {role for role in ROLES if permissions.service_accounts_of(cast.actor(role)).exists()}
    assert looked_after == {"maintainer", "team_admin", "administrator"}
