"""Which people, teams and tokens an actor may see, and who administers the instance."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from accounts.domain.actors import Actor
from accounts.domain.token_format import KEY_ID_LENGTH
from accounts.domain.verbs import Verb
from accounts.models import Alarm, AuditEntry, AuditSink, Directory, Membership, Team, Token, User
from accounts.models.placing import teams_of, teams_under
from tpi_site.kit.errors import Forbidden, Unauthenticated

SIGN_IN = "Sign in with a user name and password or with an API token; this address needs credentials."


def require_administrator(actor: Actor, deed: str) -> None:
    """Refuse who does not administer the instance; ``deed`` completes 'Only an administrator of the instance may'."""
    if actor.is_anonymous:
        raise Unauthenticated(SIGN_IN)
    if not actor.may_administer_instance:
        raise Forbidden(f"Only an administrator of the instance may {deed}.", code="administrator-needed")


def require_person(actor: Actor, deed: str) -> None:
    """Refuse a token for what only somebody who is there may do; ``deed`` completes 'Nobody may ... with an API token'."""
    if actor.token is not None:
        raise Forbidden(
            f"Nobody may {deed} with an API token; use the console, or your user name and password.", code="token-scope"
        )


def require_operator(actor: Actor, deed: str) -> None:
    """Refuse who does not run the installation; ``deed`` completes 'Only an operator or an administrator may'."""
    if actor.is_anonymous:
        raise Unauthenticated(SIGN_IN)
    if not actor.may_operate:
        raise Forbidden(f"Only an operator or an administrator of the instance may {deed}.", code="operator-needed")


def require_sight_of_operation(actor: Actor, deed: str) -> None:
    """Refuse who neither runs the installation nor reads everything; ``deed`` completes '... may'."""
    if actor.is_anonymous:
        raise Unauthenticated(SIGN_IN)
    if not actor.sees_operation:
        raise Forbidden(
            f"Only an operator, an administrator, a security officer or an auditor of the instance may {deed}.",
            code="operator-needed",
        )


def directories_visible_to(actor: Actor) -> QuerySet[Directory]:
    """All directories for who runs the installation or reads everything; there are none for others."""
    return Directory.objects.select_related("removal") if actor.sees_operation else Directory.objects.none()


def require_reader_of_everything(actor: Actor, deed: str) -> None:
    """Refuse who is neither administrator, security officer nor auditor; ``deed`` completes '... may'."""
    if actor.is_anonymous:
        raise Unauthenticated(SIGN_IN)
    if not actor.reads_everything:
        raise Forbidden(
            f"Only an administrator, a security officer or an auditor of the instance may {deed}.",
            code="administrator-needed",
        )


def reaches_people(actor: Actor) -> bool:
    """Whether the credential in use lets its owner act upon teams: no auditor's, and no token with bounds."""
    if actor.user_id is None or actor.changes_nothing:
        return False
    return actor.token is None or (actor.token.is_unbounded and Verb.ADMINISTER in actor.token.verbs)


def holds_place(actor: Actor, team_id: int, *places: str) -> bool:
    """Whether ``actor`` may act with one of ``places`` of the team, held in it or in a team above it.

    Administrators of the instance may always.
    """
    if actor.may_administer_instance:
        return True
    if actor.user_id is None or not reaches_people(actor):
        return False
    return teams_under(actor.user_id, *places).filter(pk=team_id).exists()


def is_in_team(actor: Actor, team_id: int) -> bool:
    """Whether ``actor`` is in the team or in one below it."""
    return actor.user_id is not None and Team.objects.filter(pk=team_id, pk__in=teams_of(actor.user_id)).exists()


def managed_teams(actor: Actor, *places: str) -> QuerySet[Team]:
    """The teams that ``actor`` may act upon with one of ``places``; without one named, as their admin."""
    if actor.may_administer_instance:
        return Team.objects.all()
    if actor.user_id is None or not reaches_people(actor):
        return Team.objects.none()
    return teams_under(actor.user_id, *(places or (Membership.Place.ADMIN,)))


def users_visible_to(actor: Actor) -> QuerySet[User]:
    """Everybody for who reads everything, oneself for everybody else."""
    if actor.reads_everything:
        return User.objects.all()
    return User.objects.filter(pk=actor.user_id) if actor.user_id is not None else User.objects.none()


def service_accounts_visible_to(actor: Actor) -> QuerySet[User]:
    """The service accounts of the teams that ``actor`` sees."""
    rows = User.objects.filter(kind=User.Kind.SERVICE)
    return rows if actor.reads_everything else rows.filter(service_team__in=teams_visible_to(actor))


def teams_visible_to(actor: Actor) -> QuerySet[Team]:
    """All teams for who reads everything; one's own, those above them and those that one looks after for others."""
    if actor.reads_everything:
        return Team.objects.all()
    if actor.user_id is None:
        return Team.objects.none()
    looked_after = teams_under(actor.user_id, Membership.Place.MAINTAINER, Membership.Place.ADMIN)
    return Team.objects.filter(Q(pk__in=teams_of(actor.user_id)) | Q(pk__in=looked_after.values("pk")))


def tokens_visible_to(actor: Actor) -> QuerySet[Token]:
    """All tokens for who reads everything, one's own and those of service accounts that one looks after for others.

    A bound token sees itself alone.
    """
    if actor.reads_everything:
        return Token.objects.all()
    if actor.user_id is None:
        return Token.objects.none()
    if actor.token is not None and not actor.token.is_unbounded:
        return Token.objects.filter(user=actor.user_id, key_id=actor.token.key_id)
    if not reaches_people(actor):
        return Token.objects.filter(user=actor.user_id)
    looked_after = teams_under(actor.user_id, Membership.Place.MAINTAINER, Membership.Place.ADMIN)
    return Token.objects.filter(Q(user=actor.user_id) | Q(user__service_team__in=looked_after))


def service_accounts_of(actor: Actor) -> QuerySet[User]:
    """The service accounts that the actor looks after: all for administrators, else those of teams they maintain."""
    looked_after = managed_teams(actor, Membership.Place.MAINTAINER, Membership.Place.ADMIN)
    return User.objects.filter(kind=User.Kind.SERVICE, service_team__in=looked_after)


def audit_visible_to(actor: Actor) -> QuerySet[AuditEntry]:
    """The audit log, for who reads everything."""
    return AuditEntry.objects.all() if actor.reads_everything else AuditEntry.objects.none()


def audit_sinks_visible_to(actor: Actor) -> QuerySet[AuditSink]:
    """Where the audit log is streamed to, for who reads everything."""
    return AuditSink.objects.all() if actor.reads_everything else AuditSink.objects.none()


def alarms_visible_to(actor: Actor) -> QuerySet[Alarm]:
    """The alarms, for who runs the installation or reads everything."""
    return Alarm.objects.all() if actor.sees_operation else Alarm.objects.none()


def may_end_sessions(actor: Actor) -> bool:
    """Whether the actor may see and end everybody's sessions, and take a lost second factor away."""
    return (actor.may_secure and actor.token is None) or actor.may_administer_instance


_NAMED = (
    *("user", "team", "token", "index", "project", "release", "file", "role", "reservedprefix"),
    *("request", "alarm", "audit", "auditsink"),
)

_LONGEST_NUMBER = 18
"""Digits that a number of the database surely holds."""


def audit_search(text: str) -> Q:
    """Entries of whoever has the whole name ``text``, about whatever has it, of the request with that id, or of that number.

    Of a token's key id: what was done with the token, and to it while it is kept.
    """
    found = Q(actor_name=text) | Q(object_type__in=_NAMED, object_name=text) | Q(request_id=text)
    if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER:
        found |= Q(pk=int(text))
    if len(text) != KEY_ID_LENGTH:
        return found
    tokens = list(Token.objects.filter(key_id=text).only("pk", "key_id", "name"))
    return found | Q(token_key_id=text) | Q(object_type="token", object_name__in=[str(token) for token in tokens])
