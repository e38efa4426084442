"""Forgetting short-lived tokens, and counting those that need a person."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts.domain.actors import internal
from accounts.models import Token, TokenKind
from accounts.models.tokens import ended_by, outliving_policy, usable
from accounts.services import audit
from accounts.services.token_policy import SOON

_KEPT = timedelta(days=1)
_BATCH = 1000


def purge_short_lived() -> int:
    """Remove short-lived tokens a day after their end, in batches; the audit log keeps what was done with them."""
    removed = 0
    while count := _purge_batch():
        removed += count
    return removed


def _purge_batch() -> int:
    over = Token.objects.filter(ended_by(timezone.now() - _KEPT), kind=TokenKind.SHORT)
    with transaction.atomic():
        keys = list(over.order_by("pk").values_list("pk", flat=True)[:_BATCH])
        if not keys:
            return 0
        Token.objects.filter(pk__in=keys).delete()
        audit.record(
            actor=internal("jobs"),
            action="token.purge",
            object_type="token",
            object_name="short-lived",
            number=len(keys),
        )
    return len(keys)


def expiring() -> dict[tuple[str, ...], float]:
    """For the metrics: how many tokens end soon, short-lived ones aside."""
    now = timezone.now()
    rows = Token.objects.filter(usable(now), ended_by(now + SOON)).exclude(kind=TokenKind.SHORT)
    return {(): float(rows.count())}


def outliving() -> dict[tuple[str, ...], float]:
    """For the metrics: how many usable tokens policy ends before their own end."""
    return {(): float(Token.objects.filter(usable(timezone.now()), outliving_policy()).count())}
