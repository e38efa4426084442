"""Threads that a web process has beside those that answer requests: they do, a little later, what no request waits for.

Apps declare theirs in ``AppConfig.ready()``; gunicorn starts them in each worker.  Elsewhere (in jobs, commands and tests)
they do not run, so whatever they do must also be done by a scheduled job.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event, Thread

from django.db import connections

log = logging.getLogger(__name__)
_LAST_WORDS = 5.0  # seconds


class Companion:
    """Calls ``act`` some time after it was woken, once for all that woke it meanwhile, and when idle for long."""

    def __init__(self, name: str, act: Callable[[], object], pause: float, idle: float | None) -> None:
        self.name, self._act, self._pause, self._idle = name, act, pause, idle
        self._woken, self._ending = Event(), Event()
        self._thread: Thread | None = None

    def wake(self) -> None:
        """There is something to do; costs next to nothing and never waits."""
        if not self._woken.is_set():
            self._woken.set()

    def start(self) -> None:
        """Begin in this process."""
        self._thread = Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Act a last time if woken, and end."""
        self._ending.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join(_LAST_WORDS)
            self._thread = None

    def _run(self) -> None:
        while not self._ending.is_set():
            self._woken.wait(self._idle)
            self._ending.wait(self._pause)
            self._woken.clear()
            self._once()

    def _once(self) -> None:
        try:
            self._act()
        except Exception:
            log.exception("What a web process does beside answering requests has failed: %s", self.name)
        finally:
            connections.close_all()


_declared: list[Companion] = []


def declare(name: str, act: Callable[[], object], *, pause: float, idle: float | None = None) -> Callable[[], None]:
    """Register what is done ``pause`` seconds after the function that is returned was called.

    With ``idle`` it is also done when that many seconds have gone by without.
    """
    companion = Companion(name, act, pause, idle)
    _declared.append(companion)
    return companion.wake


def start() -> None:
    """Start all that are declared."""
    for companion in _declared:
        companion.start()


def finish() -> None:
    """End all that run."""
    for companion in _declared:
        companion.finish()
