"""Refused requests, counted in memory and written to the audit log a little later.

The request that is refused waits for nothing and never fails for it, and a loop of the same refusal writes two entries a
minute however fast it is: its first, and the number of the others.  A process that is killed loses the last second.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

from django.db import Error, transaction

from accounts.domain.actors import ANONYMOUS, Actor
from accounts.domain.networks import place_of
from accounts.models import AuditEntry
from accounts.services import audit

log = logging.getLogger(__name__)
_WINDOW = 60.0  # seconds in which the same refusal is counted
_MOST = {True: 100, False: 200}
"""Different refusals a minute and process, of nobody (True) and of people we know; further ones are counted together.

Each has room of its own, because anybody can make up addresses without end and would else hide what people try.
"""
_MOST_PATHS = 10
_PATH = 200  # characters
_MOST_PLACES = 10_000  # that are told apart among those that are counted together
_Key = tuple[int | None, str, str, str]
_VARIOUS = "various"


@dataclass
class _Seen:
    """One refusal and how often it came since it was last written, at which paths; of many together, from where."""

    actor: Actor
    code: str
    path: str
    began: float
    count: int = 0
    is_written: bool = False
    paths: dict[str, None] = field(default_factory=dict)
    places: set[str] = field(default_factory=set)
    people: set[int] = field(default_factory=set)
    has_more_paths: bool = False

    def add(self, path: str, place: str, who: int | None) -> None:
        """Once more."""
        self.count += 1
        if self.code == _VARIOUS:
            if len(self.places) < _MOST_PLACES:
                self.places.add(place)
            if who is not None:
                self.people.add(who)
        elif path not in self.paths and len(self.paths) >= _MOST_PATHS:
            self.has_more_paths = True
        else:
            self.paths[path] = None

    def is_due(self, now: float) -> bool:
        """Whether it is to be written: its first time, or what came until the end of its minute."""
        return not self.is_written or now - self.began >= _WINDOW

    def detail(self) -> dict[str, Any]:
        """What the entry says beside who and what."""
        if self.code == _VARIOUS:
            people: dict[str, int] = {"people": len(self.people)} if self.people else {}
            return {"times": self.count, "places": len(self.places), **people}
        more: dict[str, bool] = {"more_paths": True} if self.has_more_paths else {}
        return {"times": self.count, "paths": list(self.paths), **more}

    def take(self) -> _Seen:
        """What is to be written; nothing of it is left."""
        taken = replace(self)
        self.count, self.is_written, self.has_more_paths = 0, True, False
        self.paths, self.places, self.people = {}, set(), set()
        return taken

    def give_back(self, unwritten: _Seen) -> None:
        """What could not be written is counted on."""
        self.count, self.is_written = self.count + unwritten.count, False
        self.paths = dict.fromkeys([*unwritten.paths, *self.paths][:_MOST_PATHS])
        self.has_more_paths |= unwritten.has_more_paths
        self.places |= unwritten.places
        self.people |= unwritten.people


_Due = tuple[bool, _Key, _Seen]
_OTHERS: _Key = (None, "", "", _VARIOUS)
_rooms: dict[bool, dict[_Key, _Seen]] = {True: {}, False: {}}
_lock = Lock()
_listeners: list[Callable[[], None]] = []


def on_note(listener: Callable[[], None]) -> None:
    """Have ``listener`` called when there is something to write; it must not wait."""
    _listeners.append(listener)


def note(*, actor: Actor, code: str, path: str) -> None:
    """Count that ``actor`` was refused with ``code`` at ``path``."""
    is_nobody, key, who = actor.user_id is None, _key(actor, code), actor.user_id
    place, path = place_of(actor.address), audit.cleaned(path)[:_PATH]  # cleaned whole: half a token is not recognised
    with _lock:
        room = _rooms[is_nobody]
        if key not in room and len(room) >= _MOST[is_nobody]:
            key, code, actor = _OTHERS, _VARIOUS, ANONYMOUS
        if is_new := key not in room:
            room[key] = _Seen(actor, code, "(many)" if key is _OTHERS else path, time.monotonic())
        room[key].add(path, place, who)
    if is_new:
        for listener in _listeners:
            listener()


def write(now: float | None = None) -> int:
    """Write what is due and return how many entries that were; what cannot be written now is kept and counted on."""
    now = time.monotonic() if now is None else now
    due = _take(now)
    try:
        with transaction.atomic():
            for _, _, seen in due:
                _record(seen)
    except Error as error:
        log.warning("Refused requests cannot be written to the audit log now: %s", error)
        _give_back(due)
        return 0
    return len(due)


def _take(now: float) -> list[_Due]:
    """What is due, as it is now; what comes after is counted for the next time."""
    due: list[_Due] = []
    with _lock:
        for is_nobody, room in _rooms.items():
            for key, seen in [one for one in room.items() if one[1].is_due(now)]:
                taken = seen.take()
                if taken.count:
                    due.append((is_nobody, key, taken))
                if now - seen.began >= _WINDOW:
                    del room[key]
    return due


def _give_back(unwritten: list[_Due]) -> None:
    with _lock:
        for is_nobody, key, seen in unwritten:
            kept = _rooms[is_nobody].setdefault(key, seen)
            if kept is not seen:
                kept.give_back(seen)


def _key(actor: Actor, code: str) -> _Key:
    """What is the same refusal: one person, token and code, from one place."""
    return actor.user_id, actor.token.key_id if actor.token else "", place_of(actor.address), code


def _record(seen: _Seen) -> None:
    audit.record(
        actor=seen.actor,
        action="request.refuse",
        object_type="request",
        object_name=seen.path,
        outcome=AuditEntry.Outcome.REFUSED,
        code=seen.code,
        **seen.detail(),
    )


def forget_all() -> None:
    """Drop what was counted."""
    with _lock:
        for room in _rooms.values():
            room.clear()
