"""How many requests somebody makes, over all processes and nodes, without a write for each.

Each process counts in memory.  When it has counted a twentieth of the limit it adds that to the count in the database, in
a thread of its own, and learns what the others have counted; so who makes few requests never causes a write, and with n
processes at most n twentieths come through too many.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from django.db import Error

from accounts.services import attempts

log = logging.getLogger(__name__)
_MOST = 20_000  # who is counted at once in a process; beyond, the oldest are forgotten
_SHARE = 20


@dataclass
class _Tally:
    """One stretch of time; ``known`` is what all had written, ``pending`` what this process has counted since."""

    share: int
    seconds: int
    until: float
    known: int = 0
    pending: int = 0


_tallies: OrderedDict[str, _Tally] = OrderedDict()
_lock = Lock()
_listeners: list[Callable[[], None]] = []


def on_due(listener: Callable[[], None]) -> None:
    """Have ``listener`` called when there is something to write; it must not wait."""
    _listeners.append(listener)


def count(name: str, limit: int, seconds: int) -> tuple[int, float]:
    """Which request this is of those that are counted under ``name``, and the seconds until it begins anew."""
    now = time.time()
    with _lock:
        tally = _tallies.get(name)
        if tally is None or tally.until <= now:
            _tallies.pop(name, None)
            tally = _tallies[name] = _Tally(max(1, limit // _SHARE), seconds, now + seconds)
            if len(_tallies) > _MOST:
                _tallies.popitem(last=False)
        tally.pending += 1
        number, is_due = tally.known + tally.pending, tally.pending >= tally.share
    if is_due:
        for listener in _listeners:
            listener()
    return number, tally.until - now


def write() -> int:
    """Add what is due to the counts that all share; tells how many that were.  What cannot be written stays pending."""
    with _lock:
        due = {name: tally for name, tally in _tallies.items() if tally.pending >= tally.share}
        pending = {name: tally.pending for name, tally in due.items()}
    if not due:
        return 0
    try:
        for name, times in pending.items():
            attempts.add(_row(name), due[name].seconds, times)
        states = attempts.states(map(_row, due))
    except Error as error:
        log.warning("The numbers of requests cannot be shared with other processes now: %s", error)
        return 0
    with _lock:
        for name, tally in due.items():
            tally.pending -= pending[name]
            known, until = states.get(_row(name), (pending[name], None))
            tally.known = known
            tally.until = until.timestamp() if until else tally.until
    return len(due)


def _row(name: str) -> str:
    return f"requests:{name}"


def forget_all() -> None:
    """Drop what was counted in this process."""
    with _lock:
        _tallies.clear()
