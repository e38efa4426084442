"""Which people, teams and tokens an actor may see, and who administers the instance."""

from __future__ import annotations

from django.db.models import QuerySet

from accounts.domain.actors import Actor
from accounts.domain.instance_roles import InstanceRole
from accounts.models import Alarm, AuditEntry, Directory, Team, Token, User
from tpi_site.kit.errors import Forbidden, Unauthenticated

SIGN_IN = "Sign in with a user name and password or with an API token; this address needs credentials."


def require_administrator(actor: Actor, deed: str) -> None:
    """Refuse who does not administer the instance; ``deed`` completes 'Only an administrator of the instance may'."""
    if actor.is_anonymous:
        raise Unauthenticated(SIGN_IN)
    if not actor.may_administer_instance:
        raise Forbidden(f"Only an administrator of the instance may {deed}.", code="administrator-needed")


def may_operate(actor: Actor) -> bool:
    """Whether ``actor`` runs the installation: an administrator, or an operator who is here without a token."""
    return actor.may_administer_instance or (actor.token is None and InstanceRole.OPERATOR in actor.roles)


def require_operator(actor: Actor, deed: str) -> None:
    """Refuse who does not run the installation; ``deed`` completes 'Only an operator or an administrator may'."""
    if actor.is_anonymous:
        raise Unauthenticated(SIGN_IN)
    if not may_operate(actor):
        raise Forbidden(
            f"Only an operator or an administrator of the instance may {deed}.", code="administrator-needed"
        )


def may_see_alarms(actor: Actor) -> bool:
    """Whether alarms are for ``actor``: who runs the installation, and security officers."""
    return may_operate(actor) or (actor.token is None and InstanceRole.SECURITY_OFFICER in actor.roles)


def directories_visible_to(actor: Actor) -> QuerySet[Directory]:
    """All directories for who runs the installation; there are none for others."""
    return Directory.objects.all() if may_operate(actor) else Directory.objects.none()


def alarms_visible_to(actor: Actor) -> QuerySet[Alarm]:
    """All alarms for whom they are for."""
    return Alarm.objects.all() if may_see_alarms(actor) else Alarm.objects.none()


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
    """All tokens for administrators, one's own for everybody else; a bound token sees itself alone."""
    if actor.may_administer_instance:
        return Token.objects.all()
    own = Token.objects.filter(user=actor.user_id) if actor.user_id is not None else Token.objects.none()
    if actor.token is not None and not actor.token.is_unbounded:
        return own.filter(key_id=actor.token.key_id)
    return own


def audit_visible_to(actor: Actor) -> QuerySet[AuditEntry]:
    """The audit log, for administrators alone."""
    return AuditEntry.objects.all() if actor.may_administer_instance else AuditEntry.objects.none()
