"""How fast and when bytes are fetched: what the one process that follows keeps to, and learns anew once a second.

Changes always follow, and what somebody asks for now is not held up; only what is fetched in advance waits.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any
from zoneinfo import ZoneInfo

from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from indexapp.domain.replication import windows as times
from indexapp.domain.replication.pace import Bucket
from indexapp.domain.replication.windows import Window
from indexapp.models import FetchLimit

_REMEMBERED = 1.0
_UTC = ZoneInfo("UTC")
_LONGEST_SLEEP = 0.5
_bucket = Bucket()
_lock = Lock()
_until = 0.0


@dataclass(frozen=True)
class Limit:
    """``rate`` is in bytes a second, None for as fast as can be; no windows are any time."""

    rate: int | None = None
    windows: tuple[Window, ...] = ()
    zone: ZoneInfo = _UTC


_known = Limit()


def limit() -> Limit:
    """As it is set."""
    row = FetchLimit.objects.first()
    if row is None:
        return Limit()
    return Limit(row.rate, tuple(times.window(each) for each in row.windows), ZoneInfo(row.zone))


def waits() -> str:
    """A sentence where no bytes are to be fetched at this time of the day, else empty."""
    found, now = _learned(), timezone.now()
    if times.is_open(found.windows, found.zone, now):
        return ""
    opens = times.opens_at(found.windows, found.zone, now).astimezone(found.zone)
    between = ", ".join(str(each) for each in found.windows)
    return f"Bytes are fetched at {between} ({found.zone.key}): again from {opens:%Y-%m-%d %H:%M} on."


def told() -> dict[str, Any]:
    """How it is set, for people and programs."""
    found = limit()
    return {
        "rate": found.rate,
        "windows": [str(each) for each in found.windows],
        "zone": found.zone.key,
    }


def take(size: int) -> None:
    """Wait until these bytes, which have come, are within the limit; several threads wait in turn."""
    _learned()
    with _lock:
        goal = _bucket.take(size, time.monotonic())
        left = _bucket.left(goal, time.monotonic())
    while left > 0:
        time.sleep(min(left, _LONGEST_SLEEP))
        _learned()
        with _lock:
            left = _bucket.left(goal, time.monotonic())


def _learned() -> Limit:
    """The limit as it was a second ago."""
    global _known, _until  # noqa: PLW0603  the process's memory
    if time.monotonic() < _until:
        return _known
    _until = time.monotonic() + _REMEMBERED
    with suppress(DatabaseError, InterfaceError):  # the old one stands
        _known = limit()
    with _lock:
        if _known.rate != _bucket.rate:
            _bucket.turn(_known.rate, time.monotonic())
    return _known


def forget_all() -> None:
    """Learn it anew."""
    global _known, _until
    _known, _until = Limit(), 0.0
    _bucket.turn(None, time.monotonic())
