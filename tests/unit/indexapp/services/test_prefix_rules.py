from __future__ import annotations

import pytest

from accounts.domain.verbs import ALL_VERBS, Verb
from accounts.models import Team
from accounts.services import teams
from indexapp.models import ReservedPrefix, Role
from indexapp.services import projects, roles
from tests.evidence import refused
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM, make_team
from tests.factories.publishing import give, make_index, make_project

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def reserve(cast: Cast, prefix: str, role: str = "maintainer", team: Team | None = None) -> ReservedPrefix:
    return roles.reserve_prefix(actor=cast.actor(role), team=team or cast.team, prefix=prefix, index=cast.index)


def test_a_team_takes_a_prefix_where_it_uploads_and_gives_it_back(cast: Cast) -> None:
    row = reserve(cast, "Acme")
    assert (row.prefix, row.team, row.index) == ("acme", cast.team, cast.index)
    roles.release_prefix(actor=cast.actor("maintainer"), reserved=row)
    assert not ReservedPrefix.objects.exists()


@pytest.mark.parametrize("role", ["anonymous", "outsider", "reader", "uploader", "member", "operator", "auditor"])
def test_who_does_not_look_after_the_team_takes_none(cast: Cast, role: str) -> None:
    row = reserve(cast, "ours")
    with refused("unauthenticated" if role == "anonymous" else "right-missing"):
        reserve(cast, "acme", role)
    with refused("unauthenticated" if role == "anonymous" else "right-missing"):
        roles.release_prefix(actor=cast.actor(role), reserved=row)


def test_only_for_ones_own_team_and_never_everywhere(cast: Cast) -> None:
    foreign = make_team("foreign")
    with refused("right-missing"):
        reserve(cast, "acme", team=foreign)
    with refused("administrator-needed"):
        roles.reserve_prefix(actor=cast.actor("maintainer"), team=cast.team, prefix="acme")
    with refused("administrator-needed"):
        everywhere = ReservedPrefix(prefix="acme", team=cast.team, index=None)
        roles.release_prefix(actor=cast.actor("maintainer"), reserved=everywhere)


def test_a_weak_token_takes_none(cast: Cast) -> None:
    for actor in (
        cast.token_actor("maintainer", [Verb.READ, Verb.UPLOAD]),
        cast.token_actor("maintainer", ALL_VERBS, indexes=["main"]),
    ):
        with refused("right-missing"):
            roles.reserve_prefix(actor=actor, team=cast.team, prefix="acme", index=cast.index)


def test_the_team_must_upload_to_the_whole_index_itself_or_by_a_team_above(cast: Cast) -> None:
    other = make_index("other")
    actor = cast.actor("maintainer")
    give(cast.team, [Verb.READ], other)
    give(cast.team, [Verb.UPLOAD], other, make_project(other, "elsewhere"))
    with refused("right-missing"):
        roles.reserve_prefix(actor=actor, team=cast.team, prefix="acme", index=other)
    above = make_team("above")
    give(above, [Verb.UPLOAD], other)
    teams.change(actor=SYSTEM, team=cast.team, parent=above)
    roles.reserve_prefix(actor=actor, team=cast.team, prefix="acme", index=other)


@pytest.mark.parametrize("prefix", ["a", "ab", "A.B"])
def test_a_short_one_takes_who_administers_the_index(cast: Cast, prefix: str) -> None:
    if len(prefix) < 3:
        with refused("prefix-short"):
            reserve(cast, prefix)
    reserve(cast, prefix, "team_admin")


@pytest.mark.parametrize("name", ["acme", "acme-tool"])
def test_a_project_of_others_is_not_fenced_in(cast: Cast, name: str) -> None:
    project = make_project(cast.index, name)
    give(cast.outsider, ALL_VERBS, cast.index, project)
    with refused("prefix-covers-projects"):
        reserve(cast, "acme")
    Role.objects.filter(project=project).delete()
    with refused("prefix-covers-projects"):
        reserve(cast, "acme")
    give(cast.team, [Verb.UPLOAD], cast.index, project)
    reserve(cast, "acme")


def test_a_project_of_a_member_is_the_teams_own_and_another_name_is_not_covered(cast: Cast) -> None:
    projects.create(actor=cast.actor("member"), index=cast.index, name="acme-tool")
    make_project(cast.index, "acmeology")
    reserve(cast, "acme")


@pytest.mark.parametrize("everywhere", [True, False])
@pytest.mark.parametrize("taken", ["acme", "acme-tools", "acme-tools-web"])
def test_another_teams_prefix_is_met_from_neither_side(cast: Cast, taken: str, everywhere: bool) -> None:
    index = None if everywhere else cast.index
    ReservedPrefix.objects.create(prefix=taken, team=make_team("foreign"), index=index)
    with refused("prefix-taken"):
        reserve(cast, "acme-tools")
    reserve(cast, "acme-other") if taken != "acme" else None
    ReservedPrefix.objects.filter(prefix=taken).update(team=cast.team)
    if taken != "acme-tools":
        reserve(cast, "acme-tools")


def test_a_prefix_on_another_index_is_nobodys_business_here(cast: Cast) -> None:
    ReservedPrefix.objects.create(prefix="acme", team=make_team("foreign"), index=make_index("other"))
    reserve(cast, "acme")
