"""Who administers by a team's right alone takes nothing of it along when they leave."""

from __future__ import annotations

import pytest

from accounts.domain.actors import Actor
from accounts.domain.verbs import ALL_VERBS, NO_VERBS, Verb
from accounts.models import Membership, Team, User
from accounts.services import teams
from indexapp import permissions
from indexapp.models import Role
from indexapp.services import roles
from tests.evidence import refused
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM, actor_of, join, make_service_account, make_team, make_user
from tests.factories.publishing import give, make_index

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture
def owners(cast: Cast) -> Team:
    """A team that administers the index, with ann as its admin."""
    team = make_team("owners")
    join(make_user("ann"), team, role=Membership.Place.ADMIN)
    give(team, [Verb.ADMINISTER], cast.index)
    return team


def ann() -> User:
    return User.objects.get(username="ann")


def take(cast: Cast, actor: Actor, holder: User | Team) -> Role:
    return roles.grant(actor=actor, index=cast.index, holder=holder, verbs=ALL_VERBS)


def test_what_a_program_of_the_team_gives_to_who_has_its_tokens_ends_with_their_place(cast: Cast, owners: Team) -> None:
    program = make_service_account(owners)
    take(cast, actor_of(program), ann())
    assert permissions.verbs_on(actor_of(ann()), cast.index) == ALL_VERBS
    teams.remove_member(actor=SYSTEM, team=owners, user=ann())
    assert permissions.verbs_on(actor_of(ann()), cast.index) == NO_VERBS


def test_who_looks_after_the_program_from_above_gets_nothing_by_it(cast: Cast, owners: Team) -> None:
    above = make_user("above")
    top = make_team("top")
    join(above, top, role=Membership.Place.MAINTAINER)
    teams.change(actor=SYSTEM, team=owners, parent=top)
    program = make_service_account(owners)
    with refused("grant-through-team"):
        take(cast, actor_of(program), above)


@pytest.mark.parametrize("place", Membership.Place.values)
def test_nothing_goes_to_another_team_of_ones_own(cast: Cast, owners: Team, place: str) -> None:
    mine, below = make_team("mine"), make_team("below")
    join(ann(), mine, role=place)
    teams.change(actor=SYSTEM, team=below, parent=mine)
    program = make_service_account(owners)
    for actor in (actor_of(ann()), actor_of(program)):
        with refused("grant-through-team"):
            take(cast, actor, mine)
    if place == Membership.Place.MEMBER:
        take(cast, actor_of(ann()), below)
    else:
        with refused("grant-through-team"):
            take(cast, actor_of(ann()), below)


def test_nothing_goes_to_a_program_of_another_team_of_ones_own(cast: Cast, owners: Team) -> None:
    mine = make_team("mine")
    join(ann(), mine, role=Membership.Place.MAINTAINER)
    program = make_service_account(mine)
    with refused("grant-through-team"):
        take(cast, actor_of(ann()), program)
    assert take(cast, actor_of(ann()), make_service_account(owners)).through == owners


def test_others_and_the_team_itself_get_what_stands(cast: Cast, owners: Team) -> None:
    for holder in (cast.outsider, make_team("others"), owners):
        assert take(cast, actor_of(ann()), holder).through is None


def test_who_has_a_right_besides_the_teams_is_not_bound(cast: Cast, owners: Team) -> None:
    mine = make_team("mine", ann())
    give(ann(), [Verb.ADMINISTER], cast.index)
    assert take(cast, actor_of(ann()), mine).through is None
    assert take(cast, actor_of(ann()), ann()).through is None
    give(owners, [Verb.ADMINISTER], make_index("elsewhere"))
    assert roles.grant(actor=SYSTEM, index=cast.index, holder=mine, verbs=ALL_VERBS).through is None
