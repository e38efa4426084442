"""Which people, teams and tokens an actor may see, and who administers the instance."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from accounts.domain.actors import Actor
from accounts.domain.instance_roles import InstanceRole
from accounts.domain.verbs import Verb
from accounts.models import AuditEntry, Membership, Team, Token, User
from tpi_site.kit.errors import Forbidden, Unauthenticated

SIGN_IN = "Sign in with a user name and password or with an API token; this address needs credentials."


def require_administrator(actor: Actor, deed: str) -> None:
    """Refuse who does not administer the instance; ``deed`` completes 'Only an administrator of the instance may'."""
    if actor.is_anonymous:
        raise Unauthenticated(SIGN_IN)
    if not actor.may_administer_instance:
        raise Forbidden(f"Only an administrator of the instance may {deed}.", code="administrator-needed")


def users_visible_to(actor: Actor) -> QuerySet[User]:
    """Everybody for administrators, oneself for everybody else."""
    if actor.may_administer_instance:
        return User.objects.all()
    return User.objects.filter(pk=actor.user_id) if actor.user_id is not None else User.objects.none()


def teams_visible_to(actor: Actor) -> QuerySet[Team]:
    """All teams for administrators, one's own for everybody else."""
    if actor.may_administer_instance:
        return Team.objects.all()
    return Team.objects.filter(members=actor.user_id) if actor.user_id is not None else Team.objects.none()


def tokens_visible_to(actor: Actor) -> QuerySet[Token]:
    """All tokens for administrators; for others their own and those of the service accounts that they look after.

    A bound token sees itself alone, and one without the right to administer no service accounts.
    """
    if actor.may_administer_instance:
        return Token.objects.all()
    if actor.user_id is None:
        return Token.objects.none()
    if actor.token is not None and not actor.token.is_unbounded:
        return Token.objects.filter(user=actor.user_id, key_id=actor.token.key_id)
    return Token.objects.filter(Q(user=actor.user_id) | Q(user__in=service_accounts_of(actor)))


def service_accounts_of(actor: Actor) -> QuerySet[User]:
    """The service accounts that the actor looks after: all for administrators, else those of teams they maintain."""
    accounts = User.objects.filter(kind=User.Kind.SERVICE)
    if actor.may_administer_instance:
        return accounts
    token = actor.token
    if actor.user_id is None or (token is not None and not (token.is_unbounded and Verb.ADMINISTER in token.verbs)):
        return accounts.none()
    places = (Membership.Place.ADMIN, Membership.Place.MAINTAINER)
    teams = Membership.objects.filter(user=actor.user_id, role__in=places)
    return accounts.filter(service_team__in=teams.values("team"))


def audit_visible_to(actor: Actor) -> QuerySet[AuditEntry]:
    """The audit log, for administrators alone."""
    return AuditEntry.objects.all() if actor.may_administer_instance else AuditEntry.objects.none()


def may_end_sessions(actor: Actor) -> bool:
    """Whether the actor may see and end everybody's sessions, and take a lost second factor away."""
    return actor.may_administer_instance or (actor.token is None and InstanceRole.SECURITY_OFFICER in actor.roles)
