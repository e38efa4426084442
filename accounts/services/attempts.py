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


def states(names: Iterable[str]) -> dict[str, tuple[int, datetime]]:
    """How often each was counted and until when that holds; those that do not run are missing."""
    digests = {_digest(name): name for name in names}
    rows = SignInMark.objects.filter(key__in=digests, until__gt=timezone.now())
    return {digests[key]: (counted, until) for key, counted, until in rows.values_list("key", "count", "until")}


def add(name: str, seconds: int, times: int = 1) -> int:
    """Count one more (or ``times``) and tell how many that makes; the first of a new time ends it ``seconds`` from now.

    One statement, so that of attempts at the same moment each gets a number of its own.  Who counts before looking at
    what was attempted lets no burst slip under the limit; :func:`take_back` is for an attempt that went well.
    """
    now = timezone.now()
    return _upsert(_digest(name), now, now + timedelta(seconds=seconds), times)


def keep(name: str, seconds: int) -> None:
    """Have the name counted for the next ``seconds``, however often and whenever it was before."""
    now = timezone.now()
    until = now + timedelta(seconds=seconds)
    _upsert(_digest(name), until, until, 1)  # whatever ran until then is over


def take_back(*names: str) -> None:
    """Uncount one attempt of each, because it went well; the others stay counted."""
    rows = SignInMark.objects.filter(key__in=[_digest(name) for name in names], count__gt=0)
    rows.update(count=F("count") - 1)


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
    INSERT INTO {_TABLE} (key, count, until) VALUES (%s, %s, %s)
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN {_TABLE}.until <= %s THEN excluded.count ELSE {_TABLE}.count + excluded.count END,
        until = CASE WHEN {_TABLE}.until <= %s THEN excluded.until ELSE {_TABLE}.until END
    RETURNING count
"""  # noqa: S608  a name of ours


def _upsert(key: str, now: datetime, until: datetime, times: int) -> int:
    """SQLite (from 3.35) and PostgreSQL understand the same statement."""
    present, end = (connection.ops.adapt_datetimefield_value(moment) for moment in (now, until))
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT, [key, times, end, present, present])
        [(counted,)] = cursor.fetchall()
    return int(counted)
