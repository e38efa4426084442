"""Which accounts must prove themselves by more than a password, and what a password alone is then worth."""

from __future__ import annotations

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet

from accounts.domain.actors import Actor
from accounts.models import Authenticator, BrowserSession, Membership, User
from accounts.services import alarms
from tpi_site.kit.errors import Forbidden

_TEAM_ADMINS = Membership.objects.filter(role=Membership.Place.ADMIN)


def with_team_admins(rows: QuerySet[BrowserSession]) -> QuerySet[BrowserSession]:
    """Let the query of a session tell too what :func:`is_required` would ask, where the policy makes it ask at all."""
    if settings.TPI_SECOND_FACTOR != "privileged":
        return rows
    return rows.annotate(of_team_admin=Exists(_TEAM_ADMINS.filter(user=OuterRef("user"))))


def is_required(user: User, session: BrowserSession | None = None) -> bool:
    """Whether ``TPI_SECOND_FACTOR`` asks a second factor of the account.

    Costs no query with a session of :func:`with_team_admins`, without one at most one.
    """
    policy = settings.TPI_SECOND_FACTOR
    if policy == "off" or user.kind == User.Kind.SERVICE:
        return False
    if policy == "everybody" or user.is_superuser:
        return True
    if policy == "administrators":
        return False
    known: bool | None = getattr(session, "of_team_admin", None)
    return bool(user.instance_roles) or (_TEAM_ADMINS.filter(user=user).exists() if known is None else known)


def would_shut_out(user: User, place: str) -> bool:
    """Whether the policy would ask a factor of the person for that place in a team alone, and they have none.

    Sessions without one would end, and programs with their password be refused, for a place that nobody has to accept.
    """
    counts = settings.TPI_SECOND_FACTOR == "privileged" and place == Membership.Place.ADMIN
    return counts and not is_required(user) and not has_one(user)


def has_one(user: User) -> bool:
    """Whether an authenticator of the account is in use."""
    return Authenticator.objects.filter(user=user, confirmed_at__isnull=False).exists()


def admit_password_alone(actor: Actor) -> Actor:
    """Let through who proved themselves by a password and nothing else, as programs do; one query.

    Refused where the account has a second factor or must have one: the password alone would go round it.
    """
    in_use = Authenticator.objects.filter(user=OuterRef("pk"), confirmed_at__isnull=False)
    user = User.objects.annotate(has_factor=Exists(in_use)).get(pk=actor.user_id or 0)
    if user.has_factor or is_required(user):
        raise Forbidden(
            "This account needs a second factor, so a password alone opens nothing here; use an API token, which you make "
            "on your account's page.",
            code="second-factor-needed",
        ).of(actor)
    if user.is_break_glass:
        ring_for_break_glass(user, "with its password, by a program")
    return actor


def ring_for_break_glass(user: User, way: str) -> None:
    """Every use of a break-glass account is to be seen to."""
    alarms.ring_for_break_glass(user.username, way)
