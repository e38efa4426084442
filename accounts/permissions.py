"""Which people, teams and tokens an actor may see, and who administers the instance."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from accounts.domain.actors import Actor
from accounts.domain.instance_roles import InstanceRole
from accounts.domain.verbs import Verb
from accounts.models import AuditEntry, Team, Token, User
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
    """All tokens for administrators, one's own for everybody else; a bound token sees itself alone."""
    if actor.may_administer_instance:
        return Token.objects.all()
    own = Token.objects.filter(user=actor.user_id) if actor.user_id is not None else Token.objects.none()
    if actor.token is not None and not actor.token.is_unbounded:
        return own.filter(key_id=actor.token.key_id)
    return own


_READ_THE_LOG = {InstanceRole.AUDITOR, InstanceRole.SECURITY_OFFICER}


def may_read_audit(actor: Actor) -> bool:
    """Administrators, auditors and security officers; the latter two also with a token that reads and has no bounds."""
    if actor.may_administer_instance:
        return True
    if not actor.roles & _READ_THE_LOG:
        return False
    return actor.token is None or (actor.token.is_unbounded and Verb.READ in actor.token.verbs)


def require_audit_reader(actor: Actor) -> None:
    """Refuse who may not read the audit log."""
    if not may_read_audit(actor):
        require_administrator(actor, "read the audit log, beside its auditors and security officers")


def audit_visible_to(actor: Actor) -> QuerySet[AuditEntry]:
    """The audit log, for those who may read it."""
    return AuditEntry.objects.all() if may_read_audit(actor) else AuditEntry.objects.none()


_NAMED = (
    *("user", "team", "token", "index", "project", "release", "file", "role", "reservedprefix"),
    *("request", "alarm", "audit", "auditsink"),
)


def audit_search(text: str) -> Q:
    """Entries of whoever has the whole name ``text``, about whatever has it, or of the request with that id."""
    return Q(actor_name=text) | Q(object_type__in=_NAMED, object_name=text) | Q(request_id=text)
