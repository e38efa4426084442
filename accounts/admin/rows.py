"""Whose teams and memberships an actor looks after."""

from __future__ import annotations

from django.db.models import QuerySet

from accounts.domain.actors import Actor
from accounts.models import Membership, Team
from accounts.permissions import managed_teams

_LOOK_AFTER = (Membership.Place.MAINTAINER, Membership.Place.ADMIN)


def shown_teams(actor: Actor) -> QuerySet[Team]:
    """The teams that the console shows to ``actor``: all to who reads everything, to others those they look after."""
    return Team.objects.all() if actor.reads_everything else managed_teams(actor, *_LOOK_AFTER)


def looks_after_a_team(actor: Actor) -> bool:
    """Whether ``actor`` is an admin or maintainer of some team."""
    if actor.user_id is None:
        return False
    return Membership.objects.filter(user_id=actor.user_id, role__in=_LOOK_AFTER).exists()


__all__ = ["looks_after_a_team", "managed_teams", "shown_teams"]
