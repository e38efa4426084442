"""Small things that are fetched when somebody asks for them; however many ask, once."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

from django.db import connections

from tpi_site.kit.errors import Refusal

_THREADS = 8
_PAUSE = 20.0
"""Seconds for which a refusal is the answer to the next question too."""
_MOST = 2000


class Once:
    """``work`` is done for a row, by one of a few threads, and raises refusals."""

    def __init__(self, name: str, work: Callable[[int], None]) -> None:
        self._name, self._work = name, work
        self._asked: dict[int, Future[None]] = {}
        self._refused: dict[int, tuple[float, Refusal]] = {}
        self._lock = Lock()
        self._pool: ThreadPoolExecutor | None = None  # made when first needed, after the server forked

    def fetch(self, row: int) -> Future[None]:
        """Have the work done, or join who waits for it; the future raises refusals."""
        with self._lock:
            until, refusal = self._refused.get(row, (0.0, None))
            if refusal is not None and until > time.monotonic():
                failed: Future[None] = Future()
                failed.set_exception(refusal)
                return failed
            future = self._asked.get(row)
            if future is None:
                self._pool = self._pool or ThreadPoolExecutor(_THREADS, thread_name_prefix=self._name)
                future = self._asked[row] = self._pool.submit(self._run, row)
        return future

    def _run(self, row: int) -> None:
        try:
            self._work(row)
        except Refusal as refusal:
            with self._lock:
                if len(self._refused) >= _MOST:
                    self._refused.clear()
                self._refused[row] = time.monotonic() + _PAUSE, refusal
            raise
        finally:
            with self._lock:
                self._asked.pop(row, None)
            connections.close_all()  # as many as threads would stay open else

    def forget_all(self) -> None:
        """Empty this process's memory of refusals."""
        with self._lock:
            self._refused.clear()
