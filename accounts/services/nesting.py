"""Putting teams below others; keeps :class:`accounts.models.TeamNesting` in step with :attr:`Team.parent`."""

from __future__ import annotations

from itertools import product

from accounts.models import Team, TeamNesting
from tpi_site.kit import locking
from tpi_site.kit.errors import Conflict

MOST_LEVELS = 8
"""Teams one below the other, the topmost counted."""

Distances = dict[int, int]
"""Ids of teams with how far they are, the team itself being 0 away."""


def lock() -> None:
    """Let one move come after the other: two at once could close a circle that neither sees."""
    locking.hold("team-nesting")


def check(team: Team, parent: Team | None) -> None:
    """Refuse a place below the team itself and more levels than :data:`MOST_LEVELS`; hold the lock."""
    if parent is None:
        return
    is_new = team._state.adding  # noqa: SLF001  Django's own word for it
    below, above = {} if is_new else _below(team), _above(parent)
    if parent.pk in below:
        raise Conflict(
            f"'{parent.name}' is '{team.name}' or below it; a team cannot be inside itself.", code="team-circle"
        )
    if 2 + max(below.values(), default=0) + max(above.values()) > MOST_LEVELS:
        raise Conflict(f"Teams are nested at most {MOST_LEVELS} levels deep; choose a higher one.", code="team-depth")


def put(team: Team, parent: Team | None) -> None:
    """Derive the rows of ``team`` and of all below it anew, after :func:`check`."""
    below = _below(team)
    TeamNesting.objects.filter(descendant__in=below).exclude(ancestor__in=below).delete()
    if parent is None:
        return
    pairs = product(_above(parent).items(), below.items())
    TeamNesting.objects.bulk_create(
        TeamNesting(ancestor_id=upper, descendant_id=lower, distance=up + down + 1)
        for (upper, up), (lower, down) in pairs
    )


def _below(team: Team) -> Distances:
    rows = TeamNesting.objects.filter(ancestor=team).values_list("descendant_id", "distance")
    return {team.pk: 0, **dict(rows)}


def _above(team: Team) -> Distances:
    rows = TeamNesting.objects.filter(descendant=team).values_list("ancestor_id", "distance")
    return {team.pk: 0, **dict(rows)}
