"""API tokens."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length
from django.utils import timezone

models.CharField.register_lookup(Length)

SHORT_LIFE = timedelta(hours=1)
"""The most that a short-lived token may live."""
_MOST_DAYS = 36_500
"""A longer policy is none: dates end."""


class TokenKind(models.TextChoices):
    """What a token is for, which decides how long it may live."""

    PERSONAL = "personal", "Personal"
    SERVICE = "service", "Of a service account"
    SHORT = "short-lived", "Short-lived"


def longest_life(kind: str) -> timedelta | None:
    """How long policy lets a token of ``kind`` live; None for as long as it likes."""
    if kind == TokenKind.SHORT:
        return SHORT_LIFE
    days = settings.TPI_SERVICE_TOKEN_MAX_DAYS if kind == TokenKind.SERVICE else settings.TPI_TOKEN_MAX_DAYS
    return timedelta(days=days) if 0 < days <= _MOST_DAYS else None


def end_of(kind: str, created_at: datetime, expires_at: datetime | None) -> datetime | None:
    """When a token stops by itself: at its own end, or earlier where policy has become stricter since it was made."""
    life = longest_life(kind)
    if life is None:
        return expires_at
    allowed = created_at + life
    return allowed if expires_at is None else min(expires_at, allowed)


def ended_by(moment: datetime) -> Q:
    """Tokens whose life is over at ``moment``, by their own end or by the policy of today; revoked ones aside."""
    over = Q(expires_at__isnull=False, expires_at__lte=moment)
    for kind in TokenKind:
        if (life := longest_life(kind)) is not None:
            over |= Q(kind=kind, created_at__lte=moment - life)
    return over


def usable(now: datetime) -> Q:
    """Tokens that are neither over nor revoked; their owners may still be disabled."""
    return Q(revoked_at=None) & ~ended_by(now)


def outliving_policy() -> Q:
    """Tokens that would live longer than policy has come to allow; they are refused when that is over."""
    longer = Q(pk__in=[])
    for kind in TokenKind:
        if (life := longest_life(kind)) is not None:
            longer |= Q(kind=kind) & (Q(expires_at=None) | Q(expires_at__gt=F("created_at") + life))
    return longer


class Token(models.Model):
    """A credential of a user, narrowed by verbs, indexes, projects, networks and time.

    The secret is not here: ``digest`` is its HMAC under the installation's pepper.  Scopes hold names, so that a token
    made for an index or project survives its deletion and re-creation in neither more nor less than name.

    ``parent`` is the token that this one was made with, and ends with; ``replaces`` the one that it was rotated from, and
    ``by_predecessor`` tells that it was that one itself that asked for the rotation.
    """

    key_id = models.CharField(max_length=12, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="tokens")
    kind = models.CharField(max_length=11, choices=TokenKind.choices, default=TokenKind.PERSONAL)
    name = models.CharField(max_length=100)
    verbs = models.PositiveSmallIntegerField()
    indexes = models.JSONField(default=list, blank=True)
    projects = models.JSONField(default=list, blank=True)
    networks = models.JSONField(default=list, blank=True)
    parent = models.ForeignKey("self", models.SET_NULL, related_name="children", null=True, blank=True)
    replaces = models.ForeignKey("self", models.SET_NULL, related_name="successors", null=True, blank=True)
    by_predecessor = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_address = models.CharField(max_length=64, blank=True, editable=False)
    last_client = models.CharField(max_length=60, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    leaked_at = models.DateTimeField(null=True, blank=True, editable=False)
    leak_source = models.CharField(max_length=500, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(digest__length=64), name="token_digest_is_a_digest"),
            models.CheckConstraint(condition=models.Q(verbs__gt=0), name="token_has_verbs"),
            models.CheckConstraint(
                condition=models.Q(kind__in=["personal", "service", "short-lived"]), name="token_kind"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.key_id})"

    @property
    def ends_at(self) -> datetime | None:
        """When it stops by itself: at its own end, or earlier where policy has become stricter since."""
        return end_of(self.kind, self.created_at, self.expires_at)

    @property
    def is_usable(self) -> bool:
        """Whether it is neither over nor revoked."""
        return self.revoked_at is None and (self.ends_at is None or self.ends_at > timezone.now())
