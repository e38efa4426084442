"""Whether the place where the bytes are answers, asked seldom and never waited for long."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYetError
from threading import Lock

from indexapp.storage import StorageUnavailable, default_storage

AWAY = "The storage does not answer."
_NOBODY = "00/" + "0" * 62
"""The name of no object: to be told that there is none is an answer."""
_FRESH = 5.0  # seconds
_PATIENCE = 1.0  # seconds


class StoreProbe:
    """One question at a time, whoever asks; its answer holds for five seconds."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._asked: Future[str] | None = None
        self._asked_at = 0.0
        self._threads = ThreadPoolExecutor(1, "store probe")

    def state(self) -> str:
        """``ok`` or a sentence."""
        try:
            return self._question().result(_PATIENCE)
        except NotYetError:
            return AWAY

    def _question(self) -> Future[str]:
        with self._lock:
            now = time.monotonic()
            if self._asked is None or (self._asked.done() and now - self._asked_at > _FRESH):
                self._asked, self._asked_at = self._threads.submit(_ask), now
            return self._asked


def _ask() -> str:
    try:
        default_storage().stat(_NOBODY)
    except FileNotFoundError:
        return "ok"
    except (StorageUnavailable, OSError):
        return AWAY
    return "ok"


_probe = StoreProbe()


def state() -> str:
    """What this process knows of the store."""
    return _probe.state()
