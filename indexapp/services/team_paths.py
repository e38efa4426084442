"""How a person comes to be in a team: in it, or in one below it, and by whose word."""

from __future__ import annotations

from accounts.models import Membership, Team, TeamNesting, User


def between(user: User, team: Team) -> list[str]:
    """A clause for each of the person's places in ``team`` or below it."""
    below = dict(TeamNesting.objects.filter(ancestor=team).values_list("descendant_id", "distance"))
    places = Membership.objects.filter(user=user, team_id__in=[team.pk, *below]).select_related("team", "directory")
    return [_clause(user, place, team) for place in places.order_by("pk")]


def _clause(user: User, place: Membership, team: Team) -> str:
    said = f"'{user.username}' is in it as {place.role}"
    if place.team_id != team.pk:
        names = " below ".join(f"'{name}'" for name in _way(place.team, team))
        said = f"'{user.username}' is {place.role} of {names}"
    return f"{said}, by a group of the directory '{place.directory.name}'" if place.directory else said


def _way(lower: Team, upper: Team) -> list[str]:
    """The names from ``lower`` up to ``upper``."""
    above = TeamNesting.objects.filter(descendant=lower).select_related("ancestor").order_by("distance")
    names = [lower.name]
    for line in above:
        names.append(line.ancestor.name)
        if line.ancestor_id == upper.pk:
            break
    return names
