"""Counting attempts in the database, so that a limit holds across threads, processes and nodes.

Who calls gives each counter a name in plain words (``code:300:17``); the row bears a keyed digest of it.  A counter begins
with its first attempt, lasts for the seconds given then, however many follow, and is nothing once they have passed.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.utils import timezone

from accounts.models import SignInMark


def count(names: Iterable[str]) -> dict[str, int]:
    """How often each was counted in the time that runs; one query, whatever the number of names."""
    digests = {_digest(name): name for name in names}
    rows = SignInMark.objects.filter(key__in=digests, until__gt=timezone.now()).values_list("key", "count")
    counts = dict.fromkeys(digests.values(), 0)
    counts.update({digests[key]: counted for key, counted in rows})
    return counts


def add(name: str, seconds: int) -> int:
    """Count one more and tell how many that makes; the first of a new time sets its end ``seconds`` from now.

    One statement, so that of attempts at the same moment each gets a number of its own.  Who counts before looking at
    what was attempted lets no burst slip under the limit; :func:`take_back` is for an attempt that went well.
    """
    now = timezone.now()
    return _upsert(_digest(name), now, now + timedelta(seconds=seconds))


def take_back(name: str) -> None:
    """Uncount one attempt, because it went well; the others stay counted."""
    SignInMark.objects.filter(key=_digest(name), count__gt=0).update(count=F("count") - 1)


def forget(name: str) -> None:
    """Begin anew."""
    SignInMark.objects.filter(key=_digest(name)).delete()


def purge() -> int:
    """Remove the rows whose time is over; tells how many."""
    return SignInMark.objects.filter(until__lte=timezone.now()).delete()[0]


def _digest(name: str) -> str:
    return hmac.new(settings.TPI_TOKEN_PEPPER.encode(), f"attempts:{name}".encode(), hashlib.sha256).hexdigest()


_TABLE = SignInMark._meta.db_table
_UPSERT = f"""
    INSERT INTO {_TABLE} (key, count, until) VALUES (%s, 1, %s)
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN {_TABLE}.until <= %s THEN 1 ELSE {_TABLE}.count + 1 END,
        until = CASE WHEN {_TABLE}.until <= %s THEN excluded.until ELSE {_TABLE}.until END
    RETURNING count
"""  # noqa: S608  a name of ours


def _upsert(key: str, now: datetime, until: datetime) -> int:
    """SQLite (from 3.35) and PostgreSQL understand the same statement."""
    present, end = (connection.ops.adapt_datetimefield_value(moment) for moment in (now, until))
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT, [key, end, present, present])
        [(counted,)] = cursor.fetchall()
    return int(counted)
