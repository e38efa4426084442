"""Who looks after a service account."""

from __future__ import annotations

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from accounts.models import Membership, User


def may_manage_service_account(actor: Actor, user: User) -> bool:
    """Whether ``user`` is a service account that ``actor`` looks after: as admin or maintainer of its team, or of all."""
    if user.kind != User.Kind.SERVICE:
        return False
    if actor.may_administer_instance:
        return True
    if actor.user_id is None:
        return False
    if actor.token is not None and not (actor.token.is_unbounded and Verb.ADMINISTER in actor.token.verbs):
        return False
    places = (Membership.Place.ADMIN, Membership.Place.MAINTAINER)
    return Membership.objects.filter(team=user.service_team_id, user_id=actor.user_id, role__in=places).exists()
