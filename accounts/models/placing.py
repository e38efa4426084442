"""Where people stand in teams, nesting included, as conditions for queries."""

from __future__ import annotations

from typing import Any

from django.db.models import Case, Exists, IntegerField, OuterRef, Prefetch, Q, QuerySet, Value, When

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


def highest(rows: QuerySet[Membership]) -> QuerySet[Membership]:
    """Of each person's places in a team the highest, ready for :func:`sources`; of equal ones that given first.

    Two queries for any number of rows.
    """
    others = Membership.objects.filter(team=OuterRef("team"), user=OuterRef("user")).order_by().alias(rank=RANK)
    better = others.filter(Q(rank__gt=OuterRef("rank")) | Q(rank=OuterRef("rank"), pk__lt=OuterRef("pk")))
    places = Membership.objects.select_related("directory").order_by("pk")
    return (
        rows.alias(rank=RANK)
        .filter(~Exists(better))
        .prefetch_related(Prefetch("user__memberships", queryset=places, to_attr="known_places"))
    )


def sources(membership: Membership) -> list[str]:
    """Where a person's places in the team come from: ``here``, and directories by name."""
    places: list[Membership] = membership.user.known_places  # type: ignore[attr-defined]  # of the prefetch
    known = [place for place in places if place.team_id == membership.team_id]
    return [place.directory.name if place.directory else "here" for place in known]
