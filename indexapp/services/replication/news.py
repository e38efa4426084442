"""Telling many followers that there is something new: one thread of a process looks, and none waits for each of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Lock, Thread
from typing import NamedTuple

from django.db import DatabaseError, InterfaceError, connections

from indexapp.services.replication import epochs, giving

log = logging.getLogger(__name__)


class News(NamedTuple):
    """The newest serial, and the counters that tell of tables."""

    newest: int
    generations: dict[str, int]


_EVERY = 0.2
_listeners: dict[int, Callable[[News], None]] = {}
_lock = Lock()
_thread: Thread | None = None


def read() -> News:
    """As it is now; two short queries."""
    return News(epochs.newest_serial(), giving.generations())


def listen(listener: Callable[[News], None]) -> Callable[[], None]:
    """Have ``listener`` told the news five times a second, until the function that is returned is called."""
    global _thread  # noqa: PLW0603  one per process, as long as somebody listens
    with _lock:
        _listeners[id(listener)] = listener
        if _thread is None:
            _thread = Thread(target=_look, name="replication news", daemon=True)
            _thread.start()
    return lambda: _forget(id(listener))


def _forget(key: int) -> None:
    with _lock:
        _listeners.pop(key, None)


def _look() -> None:
    global _thread  # noqa: PLW0603  as above
    while True:
        with _lock:
            if not _listeners:
                _thread = None
                break
        try:
            now = read()
        except (DatabaseError, InterfaceError) as error:
            log.warning("Nobody can tell followers what is new: %s", error)
            connections.close_all()
        else:
            with _lock:
                listeners = list(_listeners.values())
            for listener in listeners:
                listener(now)
        time.sleep(_EVERY)
    connections.close_all()
