"""Whose teams and memberships an actor looks after."""

from __future__ import annotations

from django.db.models import QuerySet

from accounts.domain.actors import Actor
from accounts.models import Membership, Team


def managed_teams(actor: Actor) -> QuerySet[Team]:
    """The teams whose members ``actor`` may change."""
    if actor.may_administer_instance:
        return Team.objects.all()
    if actor.user_id is None:
        return Team.objects.none()
    places = Membership.objects.filter(user_id=actor.user_id, role=Membership.Place.ADMIN)
    return Team.objects.filter(pk__in=places.values("team"))


def looks_after_a_team(actor: Actor) -> bool:
    """Whether ``actor`` is an admin of some team."""
    if actor.user_id is None:
        return False
    return Membership.objects.filter(user_id=actor.user_id, role=Membership.Place.ADMIN).exists()
