"""How gently the upstream is asked: not faster than agreed, not at all for as long as it wishes, and never for ever in vain."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from indexapp.clients.upstream import Failure, UpstreamFailed

T = TypeVar("T")
_PASSING: Final = frozenset({Failure.UNREACHABLE, Failure.BUSY, Failure.TOO_SLOW, Failure.BAD_ANSWER})
_AWAY: Final = frozenset({Failure.UNREACHABLE, Failure.BUSY, Failure.TOO_SLOW})
_MOST_PATIENCE: Final = 120.0
"""Seconds that are waited within a run; for longer the run ends, and the next one begins later."""
_IN_A_ROW: Final = 12


class Stopped(Exception):
    """Somebody wants the mirror to stop; what was done by then is kept."""


class UpstreamAway(Exception):
    """The upstream does not answer, or wants to be left alone for ``seconds``."""

    def __init__(self, sentence: str, seconds: float = 0.0) -> None:
        super().__init__(sentence)
        self.seconds = seconds


class Pace:
    """Shared by all threads of a run; ``stop`` ends every wait."""

    def __init__(self, stop: threading.Event, *, retries: int, pause: float, bytes_per_second: int | None) -> None:
        self._stop, self._retries, self._pause, self._rate = stop, retries, pause, bytes_per_second
        self._lock = threading.Lock()
        self._not_before = 0.0
        self._paid_until = 0.0
        self._in_a_row = 0
        self._has_ended = False
        self.requests = 0
        self.bytes = 0

    def ask(self, question: Callable[[], T]) -> T:
        """The answer; asked again, later each time, where the failure may pass.

        Raises UpstreamFailed, :class:`UpstreamAway` and :class:`Stopped`.
        """
        for attempt in range(self._retries + 1):
            self._wait()
            try:
                found = question()
            except UpstreamFailed as failure:
                self._judge(failure, is_last=attempt == self._retries)
                if failure.kind not in _PASSING or attempt == self._retries:
                    raise
                self.sleep(min(self._pause * 2**attempt, _MOST_PATIENCE))
            else:
                with self._lock:
                    self._in_a_row = 0
                return found
        raise AssertionError

    def spend(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The same bytes, not faster than the bandwidth."""
        for piece in pieces:
            with self._lock:
                self.bytes += len(piece)
                now = time.monotonic()
                if self._rate:
                    self._paid_until = max(self._paid_until, now) + len(piece) / self._rate
            if self._has_ended or self._stop.is_set():
                raise Stopped
            yield piece
            if self._rate and (wait := self._paid_until - now) > 0:
                self.sleep(wait)

    def end(self) -> None:
        """Let no thread of the run begin or go on with anything."""
        self._has_ended = True

    def sleep(self, seconds: float) -> None:
        """Wait; raises :class:`Stopped`."""
        if self._stop.wait(seconds) or self._has_ended:
            raise Stopped

    def _wait(self) -> None:
        with self._lock:
            self.requests += 1
            seconds = self._not_before - time.monotonic()
        self.sleep(max(0.0, seconds))

    def _judge(self, failure: UpstreamFailed, *, is_last: bool) -> None:
        """End the run where asking on is useless or unwelcome."""
        wish = float(failure.retry_after or 0)
        if wish > _MOST_PATIENCE:
            raise UpstreamAway(f"{failure.sentence} It asks to be left alone for {wish:.0f} seconds.", wish) from None
        with self._lock:
            self._not_before = max(self._not_before, time.monotonic() + wish)
            self._in_a_row += failure.kind in _AWAY and is_last
            is_away = self._in_a_row >= _IN_A_ROW
        if is_away:
            raise UpstreamAway(
                f"{failure.sentence} The last {_IN_A_ROW} requests failed, so the run ends here."
            ) from None
