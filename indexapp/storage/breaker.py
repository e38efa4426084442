"""A circuit breaker: a place that does not answer is not asked by every request until its time-out."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from indexapp.storage.protocol import StorageUnavailable

_FAILURES = 5
"""So many in a row open it."""
_PAUSE = 10.0
"""Seconds after which one request may try again."""


class Breaker:
    """Counts failures in a row; while it is open, :meth:`require_closed` refuses at once, but for one trial a pause."""

    def __init__(
        self, *, failures: int = _FAILURES, pause: float = _PAUSE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._failures = failures
        self._pause = pause
        self._clock = clock
        self._lock = Lock()
        self._in_a_row = 0
        self._next_trial = 0.0
        self._last = ""

    def require_closed(self) -> None:
        """Raise StorageUnavailable while the place is known not to answer."""
        with self._lock:
            if self._in_a_row < self._failures:
                return
            now = self._clock()
            if now < self._next_trial:
                raise StorageUnavailable(f"It is not asked for {self._next_trial - now:.0f} s: {self._last}")
            self._next_trial = now + self._pause  # this request is the trial

    def failed(self, sentence: str) -> None:
        """Note that the place did not answer."""
        with self._lock:
            self._in_a_row += 1
            self._last = sentence
            self._next_trial = self._clock() + self._pause

    def answered(self) -> None:
        """Note that it answered, whatever it said."""
        if self._in_a_row:
            with self._lock:
                self._in_a_row = 0
