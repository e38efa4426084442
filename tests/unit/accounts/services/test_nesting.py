from __future__ import annotations

import pytest

from accounts.domain.verbs import NO_VERBS, Verb
from accounts.models import Team, TeamNesting
from accounts.services import nesting, teams
from indexapp import permissions
from indexapp.models import Project, ReservedPrefix
from indexapp.services import projects
from tests import evidence
from tests.evidence import refused
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM, actor_of, make_service_account, make_team, make_user
from tests.factories.publishing import give, make_index

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def lines() -> set[tuple[str, str, int]]:
    return set(TeamNesting.objects.values_list("ancestor__name", "descendant__name", "distance"))


def derived() -> set[tuple[str, str, int]]:
    """What the rows must be, from the parents alone."""
    found = set()
    for team in Team.objects.all():
        above, distance = team.parent, 1
        while above is not None:
            found.add((above.name, team.name, distance))
            above, distance = above.parent, distance + 1
    return found


def chain(length: int, prefix: str = "level") -> list[Team]:
    found: list[Team] = []
    for number in range(length):
        found.append(teams.create(actor=SYSTEM, name=f"{prefix}-{number}", parent=found[-1] if found else None))
    return found


def test_who_is_in_a_team_holds_the_roles_of_all_above_and_of_none_below() -> None:
    index = make_index("main")
    top, middle, bottom = chain(3)
    give(top, [Verb.READ], index)
    give(middle, [Verb.YANK], index)
    give(bottom, [Verb.UPLOAD], index)
    people = [make_user(name) for name in ("high", "mid", "low")]
    for person, team in zip(people, (top, middle, bottom), strict=True):
        teams.set_member(actor=SYSTEM, team=team, user=person, role="member")
    held = [permissions.verbs_on(actor_of(person), index) for person in people]
    assert held == [{Verb.READ}, {Verb.READ, Verb.YANK}, {Verb.READ, Verb.YANK, Verb.UPLOAD}]


def test_the_rows_follow_every_move() -> None:
    one, two = chain(3, "one"), chain(3, "two")
    actor = SYSTEM
    for team, parent in ((two[0], one[1]), (one[1], None), (two[1], one[0]), (two[2], two[0]), (two[0], two[1])):
        if parent is not None and (parent.pk == team.pk or (team.name, parent.name) in {row[:2] for row in lines()}):
            with refused("team-circle"):
                teams.change(actor=actor, team=team, parent=parent)
        else:
            teams.change(actor=actor, team=team, parent=parent)
        assert lines() == derived()


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_team_is_never_inside_itself(place: int) -> None:
    levels = chain(3)
    with refused("team-circle"):
        teams.change(actor=SYSTEM, team=levels[0], parent=levels[place])


def test_eight_levels_and_no_more() -> None:
    levels = chain(nesting.MOST_LEVELS)
    with refused("team-depth"):
        teams.create(actor=SYSTEM, name="deeper", parent=levels[-1])
    pair = chain(2, "pair")
    with refused("team-depth"):
        teams.change(actor=SYSTEM, team=pair[0], parent=levels[-2])
    teams.change(actor=SYSTEM, team=pair[0], parent=levels[-3])
    assert lines() == derived()


def test_an_admin_of_a_team_looks_after_all_below_and_nothing_above(cast: Cast) -> None:
    below = make_team("below", admins=[cast.outsider], parent=cast.team)
    deepest = make_team("deepest", parent=below)
    for team in (below, deepest):
        teams.set_member(actor=cast.actor("team_admin"), team=team, user=cast.reader, role="member")
    with refused("team-admin-needed"):
        teams.set_member(actor=cast.actor("outsider"), team=cast.team, user=cast.outsider, role="member")
    with refused("team-admin-needed"):
        teams.set_member(actor=cast.actor("maintainer"), team=below, user=cast.reader, role="admin")


def test_an_admin_makes_teams_below_their_own_and_nowhere_else(cast: Cast) -> None:
    actor = cast.actor("team_admin")
    assert teams.create(actor=actor, name="below", parent=cast.team).parent == cast.team
    for parent in (None, make_team("foreign")):
        with refused("administrator-needed"):
            teams.create(actor=actor, name="elsewhere", parent=parent)


def test_moving_takes_an_admin_of_the_team_and_of_both_places(cast: Cast) -> None:
    old, new, moved = make_team("old"), make_team("new"), make_team("moved", admins=[cast.outsider])
    teams.change(actor=SYSTEM, team=moved, parent=old)
    actor = cast.actor("outsider")
    for parent in (new, None):
        with refused("team-admin-needed"):
            teams.change(actor=actor, team=moved, parent=parent)
    teams.set_member(actor=SYSTEM, team=old, user=cast.outsider, role="admin")
    with refused("team-admin-needed"):
        teams.change(actor=actor, team=moved, parent=new)
    teams.set_member(actor=SYSTEM, team=new, user=cast.outsider, role="admin")
    found = evidence.collecting()
    teams.change(actor=actor, team=moved, parent=new)
    assert found.audit[0].detail == {"before": {"parent": "old"}, "after": {"parent": "new"}}
    assert lines() == derived()


def test_moving_ends_the_rights_of_the_old_place_and_begins_those_of_the_new(cast: Cast) -> None:
    below = make_team("below", cast.outsider, parent=cast.team)
    actor = cast.actor("outsider")
    assert permissions.verbs_on(actor, cast.index) == {Verb.READ, Verb.UPLOAD}
    teams.change(actor=SYSTEM, team=below, parent=None)
    assert permissions.verbs_on(actor, cast.index) == NO_VERBS
    teams.change(actor=SYSTEM, team=below, parent=cast.team)
    assert permissions.verbs_on(actor, cast.index) == {Verb.READ, Verb.UPLOAD}


def test_a_team_with_others_below_it_or_with_programs_is_not_deleted(cast: Cast) -> None:
    below = make_team("below", parent=cast.team)
    program = make_service_account(below)
    actor = cast.actor("administrator")
    for team in (cast.team, below):
        with refused("team-in-use"):
            teams.delete(actor=actor, team=team)
    program.delete()
    teams.delete(actor=actor, team=below)
    teams.delete(actor=actor, team=cast.team)
    assert not TeamNesting.objects.exists()


def test_a_prefix_of_a_team_is_open_to_those_in_teams_below_it(cast: Cast) -> None:
    ReservedPrefix.objects.create(prefix="acme", team=make_team("owners"), index=None)
    with refused("name-reserved"):
        projects.create(actor=cast.actor("member"), index=cast.index, name="acme-one")
    teams.change(actor=SYSTEM, team=cast.team, parent=Team.objects.get(name="owners"))
    projects.create(actor=cast.actor("member"), index=cast.index, name="acme-one")
    assert Project.objects.filter(normalized_name="acme-one").exists()
