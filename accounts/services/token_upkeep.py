"""Forgetting short-lived tokens, and counting those that need a person."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from django.db import DatabaseError, transaction
from django.utils import timezone
from prometheus_client import Gauge

from accounts.domain.actors import internal
from accounts.models import Token, TokenKind
from accounts.models.tokens import ended_by, outliving_policy, usable
from accounts.services import audit
from accounts.services.token_policy import SOON

_KEPT = timedelta(days=1)
_BATCH = 1000
_EXPIRING = Gauge(
    "tpi_tokens_expiring", "Tokens that end within 14 days, short-lived ones aside.", multiprocess_mode="mostrecent"
)
_OUTLIVING = Gauge(
    "tpi_tokens_outliving_policy",
    "Usable tokens that policy ends before their own end.",
    multiprocess_mode="mostrecent",
)


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


def measure() -> None:
    """Bring the metrics up to date; two counts, asked when somebody reads them."""
    now = timezone.now()
    with suppress(DatabaseError):  # metrics are read most eagerly when something is broken
        _EXPIRING.set(Token.objects.filter(usable(now), ended_by(now + SOON)).exclude(kind=TokenKind.SHORT).count())
        _OUTLIVING.set(Token.objects.filter(usable(now), outliving_policy()).count())
