from __future__ import annotations

from typing import Any

import pytest

from accounts.domain.verbs import ALL_VERBS, Verb
from accounts.models import Membership
from accounts.services import teams
from indexapp.models import Role
from tests import evidence
from tests.evidence import refused
from tests.factories.cast import Cast
from tests.factories.factors import with_factor
from tests.factories.people import make_team

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"name": ""}, "team-invalid"),
        ({"name": "Upper"}, "team-invalid"),
        ({"name": "-dash"}, "team-invalid"),
        ({"name": "line\n"}, "team-invalid"),
        ({"name": "x" * 65}, "team-invalid"),
        ({"name": "fine", "title": "t" * 201}, "team-invalid"),
        ({"name": "tools"}, "team-exists"),
    ],
)
def test_what_no_team_may_have(cast: Cast, values: dict[str, str], code: str) -> None:
    actor = cast.actor("administrator")
    with refused(code):
        teams.create(actor=actor, **values)


def test_changing_keeps_what_is_not_named(cast: Cast) -> None:
    team = teams.change(actor=cast.actor("team_admin"), team=cast.team, title="Tools")
    teams.change(actor=cast.actor("team_admin"), team=team, description="We make them.")
    team.refresh_from_db()
    assert (team.title, team.description) == ("Tools", "We make them.")


def test_a_place_in_the_team_is_changed_in_place(cast: Cast) -> None:
    actor = cast.actor("team_admin")
    teams.set_member(actor=actor, team=cast.team, user=cast.outsider, role="member")
    teams.set_member(actor=actor, team=cast.team, user=cast.outsider, role="maintainer")
    assert Membership.objects.get(team=cast.team, user=cast.outsider).role == "maintainer"
    with refused("role-unknown"):
        teams.set_member(actor=actor, team=cast.team, user=cast.outsider, role="king")


@pytest.mark.parametrize("place", ["member", "maintainer"])
def test_only_admins_of_this_team_take_people_in(cast: Cast, place: str) -> None:
    Membership.objects.filter(user=cast.member).update(role=place)
    for actor in (cast.actor("member"), cast.actor("outsider")):
        with refused("team-admin-needed"):
            teams.set_member(actor=actor, team=cast.team, user=cast.outsider, role="member")
    elsewhere = make_team("elsewhere")
    actor = cast.actor("team_admin")
    with refused("team-admin-needed"):
        teams.set_member(actor=actor, team=elsewhere, user=cast.outsider, role="member")


def test_whoever_is_not_in_the_team_cannot_be_taken_out(cast: Cast) -> None:
    actor = cast.actor("team_admin")
    with refused("not-found"):
        teams.remove_member(actor=actor, team=cast.team, user=cast.outsider)


def test_people_leave_by_themselves_but_a_weak_token_does_not_leave_for_them(cast: Cast) -> None:
    weak = [
        cast.token_actor("member", [Verb.READ]),
        cast.token_actor("member", ALL_VERBS, indexes=["main"]),
        cast.token_actor("member", ALL_VERBS, projects=["acme"]),
    ]
    for actor in weak:
        with refused("team-admin-needed"):
            teams.remove_member(actor=actor, team=cast.team, user=cast.member)
    teams.remove_member(actor=cast.actor("member"), team=cast.team, user=cast.member)
    assert not Membership.objects.filter(user=cast.member).exists()


@pytest.mark.parametrize(
    ("scope", "may"),
    [
        ({"verbs": ALL_VERBS}, True),
        ({"verbs": [Verb.ADMINISTER]}, True),
        ({"verbs": ALL_VERBS - {Verb.ADMINISTER}}, False),
        ({"verbs": ALL_VERBS, "indexes": ["main"]}, False),
        ({"verbs": ALL_VERBS, "projects": ["acme"]}, False),
    ],
)
def test_a_token_manages_a_team_only_when_it_is_unbounded(cast: Cast, scope: dict[str, object], may: bool) -> None:
    assert teams.may_manage(cast.token_actor("team_admin", **scope), cast.team) is may  # type: ignore[arg-type]


def test_a_deleted_team_leaves_its_members_names_in_the_log_and_no_rights(cast: Cast) -> None:
    found = evidence.collecting()
    team_id = cast.team.pk
    teams.delete(actor=cast.actor("administrator"), team=cast.team)
    assert not Role.objects.filter(team_id=team_id).exists()
    assert sorted(found.audit[0].detail["members"]) == ["maintainer", "member", "team_admin"]
    assert found.audit[0].object_name == "tools"


def test_an_admin_of_a_team_shuts_nobody_out_by_a_place_that_needs_a_second_factor(cast: Cast, settings: Any) -> None:
    settings.TPI_SECOND_FACTOR = "privileged"
    actor = cast.actor("team_admin")
    with refused("second-factor-missing"):
        teams.invite(actor=actor, team=cast.team, username="outsider", role="admin")
    assert not Membership.objects.filter(team=cast.team, user=cast.outsider).exists()
    teams.invite(actor=actor, team=cast.team, username="outsider", role="maintainer")
    with refused("second-factor-missing"):
        teams.set_member(actor=actor, team=cast.team, user=cast.outsider, role="admin")
    with_factor(cast.outsider)
    teams.set_member(actor=actor, team=cast.team, user=cast.outsider, role="admin")
    assert Membership.objects.get(team=cast.team, user=cast.outsider).role == "admin"


def test_a_second_factor_is_not_asked_first_where_the_place_changes_nothing(cast: Cast, settings: Any) -> None:
    for settings.TPI_SECOND_FACTOR in ("off", "administrators", "everybody"):
        teams.set_member(actor=cast.actor("team_admin"), team=cast.team, user=cast.outsider, role="admin")
        teams.set_member(actor=cast.actor("team_admin"), team=cast.team, user=cast.outsider, role="member")
    settings.TPI_SECOND_FACTOR = "privileged"
    teams.set_member(actor=cast.actor("administrator"), team=cast.team, user=cast.outsider, role="admin")
    teams.set_member(actor=cast.actor("team_admin"), team=cast.team, user=cast.outsider, role="admin")
