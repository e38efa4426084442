"""When a mirror's files were used last, written down later and coarsely: no reader waits for it."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from django.utils import timezone

from indexapp.models import MirroredFile
from tpi_site.kit import read_only

_ONCE_IN = 3600.0
"""Seconds for which a further use of the same file is not written."""
_MOST = 50_000
_BATCH = 500
_noted: OrderedDict[int, float] = OrderedDict()
_due: set[int] = set()
_lock = Lock()
_listeners: list[Callable[[], None]] = []


def on_note(listener: Callable[[], None]) -> None:
    """Have ``listener`` called when there is something to write; it must not wait."""
    _listeners.append(listener)


def note(row: int) -> None:
    """The file was used; takes some microseconds and never waits for the database."""
    now = time.monotonic()
    if _noted.get(row, float("-inf")) > now - _ONCE_IN:
        return
    with _lock:
        _noted[row] = now
        _noted.move_to_end(row)
        _due.add(row)
        while len(_noted) > _MOST:
            _noted.popitem(last=False)
    for listener in _listeners:
        listener()


def write() -> int:
    """Write what was noted; returns how many files that were.  What cannot be written stays noted."""
    if read_only.why() is not None:
        return 0
    with _lock:
        rows = list(_due)
        _due.clear()
    written = 0
    try:
        while written < len(rows):
            batch = rows[written : written + _BATCH]
            MirroredFile.objects.filter(pk__in=batch).update(last_used_at=timezone.now())
            written += len(batch)
    finally:
        with _lock:
            _due.update(rows[written:])
    return written


def forget_all() -> None:
    """Empty this process's memory."""
    with _lock:
        _noted.clear()
        _due.clear()
