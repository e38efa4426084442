"""What is granted by a team's right alone ends with the place in the team, whoever of it takes it."""

from __future__ import annotations

from typing import NoReturn

from django.db.models import Q

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from accounts.models import Membership, Team, User
from accounts.models.placing import teams_of, teams_under
from indexapp.models import Index, Project, Role
from tpi_site.kit.errors import Forbidden

_PLACES = (Membership.Place.MAINTAINER, Membership.Place.ADMIN)


def team_behind(actor: Actor, index: Index, project: Project | None, holder: User | Team) -> int | None:
    """The team with whose place ends what ``holder`` gets; None where the grant stands by itself.

    Who administers by a team alone can give to themselves, as to all who act with their account, only what ends with the
    team: a role that could not is refused with ``grant-through-team``.  For others the grant stands by itself.
    """
    sources = _teams_alone(actor, index, project)
    if not sources:
        return None
    acting = _who_acts(actor)
    if isinstance(holder, Team):
        if holder.pk not in sources and _is_theirs(holder, acting):
            _refuse()
        return None
    if not _is_one_of_them(holder, acting):
        return None
    within = set(teams_of(holder.pk).values_list("team_id", flat=True))
    found = next((team for team in sources if team in within), None)
    if found is None:
        _refuse()
    return found


def _refuse() -> NoReturn:
    raise Forbidden(
        "You administer this by a team's right alone, which gives nothing to yourself, your programs or your other teams "
        "that would outlast your place in the team; ask somebody who administers it by a role of their own.",
        code="grant-through-team",
    )


def _teams_alone(actor: Actor, index: Index, project: Project | None) -> list[int]:
    """The teams, in order, by whose right alone the actor administers; empty where there is any other right."""
    if actor.may_administer_instance or actor.user_id is None:
        return []
    held = Role.objects.held_by(actor, index_id=index.pk).annotate_verb(Verb.ADMINISTER).order_by("pk")
    rows: list[tuple[int | None, int | None]]
    rows = list(held.filter(Q(project=None) | Q(project=project)).values_list("team_id", "through_id"))
    behind = [team or through for team, through in rows]
    return [] if None in behind else [team for team in behind if team is not None]


def _who_acts(actor: Actor) -> set[int]:
    """The accounts that may be behind a grant: the actor's, and of a program also those that have its tokens."""
    if actor.user_id is None:
        return set()
    acting = {actor.user_id}
    program = User.objects.filter(pk=actor.user_id, kind=User.Kind.SERVICE).first()
    if program is None:
        return acting
    above = Q(team__below__descendant=program.service_team_id, role__in=_PLACES)
    places = Membership.objects.filter(Q(team=program.service_team_id) | above)
    return acting | set(places.order_by().values_list("user_id", flat=True))


def _is_one_of_them(holder: User, acting: set[int]) -> bool:
    """Whether it is one of the accounts itself, or a program whose tokens one of them issues."""
    if holder.pk in acting:
        return True
    team = holder.service_team_id
    return team is not None and any(teams_under(one, *_PLACES).filter(pk=team).exists() for one in acting)


def _is_theirs(team: Team, acting: set[int]) -> bool:
    """Whether one of the accounts is in the team or below it, or looks after it."""
    inside = Q(team=team) | Q(team__above__ancestor=team)
    above = Q(team__below__descendant=team, role__in=_PLACES)
    return Membership.objects.filter(inside | above, user_id__in=acting).exists()
