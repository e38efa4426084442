"""What a person has to be told of their tokens without asking."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import F, Q
from django.utils import timezone

from accounts.models import Token, TokenKind, User
from accounts.models.tokens import ended_by, usable
from accounts.services.token_policy import SOON

_LEAKS_ARE_TOLD_FOR = timedelta(days=30)
_SHOWN = 5


@dataclass(frozen=True)
class TokenWarnings:
    """At most a handful of each."""

    leaked: list[Token]
    expiring: list[Token]


def warnings_for(user: User) -> TokenWarnings:
    """Tokens of ``user`` that were found in the open lately, and those that end within two weeks."""
    now = timezone.now()
    leaked = Q(leaked_at__gt=now - _LEAKS_ARE_TOLD_FOR)
    expiring = usable(now) & ended_by(now + SOON) & ~Q(kind=TokenKind.SHORT) & Q(successors=None)
    found = Token.objects.filter(leaked | expiring, user=user).distinct()
    rows = list(found.order_by(F("leaked_at").desc(nulls_last=True), "created_at")[: 10 * _SHOWN])
    return TokenWarnings(
        [row for row in rows if row.leaked_at is not None][:_SHOWN],
        sorted((row for row in rows if row.leaked_at is None), key=lambda row: row.ends_at or now)[:_SHOWN],
    )
