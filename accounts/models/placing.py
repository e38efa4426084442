"""Where people stand in teams, nesting included, as conditions for queries."""

from __future__ import annotations

from typing import Any

from django.db.models import Case, IntegerField, QuerySet, Value, When

from accounts.models.nesting import TeamNesting
from accounts.models.users import Membership, Team

Place = Membership.Place
RANK = Case(
    When(role=Place.ADMIN, then=Value(3)),
    When(role=Place.MAINTAINER, then=Value(2)),
    default=Value(1),
    output_field=IntegerField(),
)
"""A membership's place as a number, the higher the more."""


def teams_of(user_id: int) -> QuerySet[Any, Any]:
    """The ids of the teams that the account is in, those above them included; for ``team__in``."""
    own = Membership.objects.filter(user_id=user_id).order_by().values("team_id")
    above = TeamNesting.objects.filter(descendant__memberships__user_id=user_id).values("ancestor_id")
    return own.union(above, all=True)


def teams_under(user_id: int, *places: str) -> QuerySet[Team]:
    """The teams in which, or above which, the account has one of ``places``: an admin looks after all below."""
    held = Membership.objects.filter(user_id=user_id, role__in=places).order_by()
    below = TeamNesting.objects.filter(ancestor__in=held.values("team_id")).values("descendant_id")
    return Team.objects.filter(pk__in=held.values("team_id").union(below, all=True))
