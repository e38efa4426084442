"""Refused requests, counted in memory and written to the audit log a little later.

The request that is refused waits for nothing and never fails for it, and a loop of the same refusal writes two entries a
minute however fast it is: its first, and the number of the others.  A process that is killed loses the last second.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from django.db import Error, transaction

from accounts.domain.actors import ANONYMOUS, Actor
from accounts.models import AuditEntry
from accounts.services import audit

log = logging.getLogger(__name__)
_WINDOW = 60.0  # seconds in which the same refusal is counted
_MOST = 200  # different refusals a minute and process; further ones are counted together
_Key = tuple[int | None, str, str, str]
_OTHERS: _Key = (None, "", "", "")


@dataclass
class _Seen:
    """One refusal and how often it came since it was last written."""

    actor: Actor
    code: str
    path: str
    began: float
    count: int = 1
    is_written: bool = False

    def is_due(self, now: float) -> bool:
        """Whether it is to be written: its first time, or what came until the end of its minute."""
        return not self.is_written or now - self.began >= _WINDOW


_seen: dict[_Key, _Seen] = {}
_lock = Lock()
_listeners: list[Callable[[], None]] = []


def on_note(listener: Callable[[], None]) -> None:
    """Have ``listener`` called when there is something to write; it must not wait."""
    _listeners.append(listener)


def note(*, actor: Actor, code: str, path: str) -> None:
    """Count that ``actor`` was refused with ``code`` at ``path``."""
    key: _Key = (actor.user_id, actor.token.key_id if actor.token else "", actor.address, code)
    with _lock:
        if key not in _seen and len(_seen) >= _MOST:
            key, actor, code, path = _OTHERS, ANONYMOUS, "various", "(many)"
        seen = _seen.get(key)
        if seen is not None:
            seen.count += 1
            return
        _seen[key] = _Seen(actor, code, path[:400], time.monotonic())
    for listener in _listeners:
        listener()


def write(now: float | None = None) -> int:
    """Write what is due and return how many entries that were; what cannot be written now is kept and counted on."""
    now = time.monotonic() if now is None else now
    due = _take(now)
    try:
        with transaction.atomic():
            for seen in due:
                _record(seen)
    except Error as error:
        log.warning("Refused requests cannot be written to the audit log now: %s", error)
        _give_back(due)
        return 0
    return len(due)


def _take(now: float) -> list[_Seen]:
    """What is due, as it is now; what comes after is counted for the next time."""
    due = []
    with _lock:
        for key, seen in list(_seen.items()):
            if not seen.is_due(now):
                continue
            if seen.count:
                due.append(_Seen(seen.actor, seen.code, seen.path, seen.began, seen.count))
            seen.count, seen.is_written = 0, True
            if now - seen.began >= _WINDOW:
                del _seen[key]
    return due


def _give_back(unwritten: list[_Seen]) -> None:
    with _lock:
        for seen in unwritten:
            kept = _seen.setdefault(_key(seen), seen)
            if kept is not seen:
                kept.count, kept.is_written = kept.count + seen.count, False


def _key(seen: _Seen) -> _Key:
    if seen.code == "various":
        return _OTHERS
    return (seen.actor.user_id, seen.actor.token.key_id if seen.actor.token else "", seen.actor.address, seen.code)


def _record(seen: _Seen) -> None:
    audit.record(
        actor=seen.actor,
        action="request.refuse",
        object_type="request",
        object_name=seen.path,
        outcome=AuditEntry.Outcome.REFUSED,
        code=seen.code,
        times=seen.count,
    )


def forget_all() -> None:
    """Drop what was counted."""
    with _lock:
        _seen.clear()
