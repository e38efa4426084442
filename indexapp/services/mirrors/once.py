"""Small things that are fetched when somebody asks for them; however many ask, once."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any, TypeVar

from django.db import connections

from indexapp.services.mirrors.places import Places
from tpi_site.kit import read_only
from tpi_site.kit.errors import Refusal
from tpi_site.kit.read_only import ReadOnly

_THREADS = 8
_PAUSE = 20.0
"""Seconds for which a refusal is the answer to the next question too."""
_MOST = 2000
_Answer = TypeVar("_Answer")
_Asker = tuple[Callable[[], Any], "Future[Any]"]


class Once:
    """``work`` is done for a row, by one of a few threads, and raises refusals."""

    def __init__(self, name: str, work: Callable[[int], None]) -> None:
        self._name, self._work = name, work
        self._asked: dict[int, list[_Asker]] = {}
        self._refused: dict[int, tuple[float, Refusal]] = {}
        self._lock = Lock()
        self._places: Places[int] = Places(_THREADS)
        self._pool: ThreadPoolExecutor | None = None  # made when first needed, after the server forked

    def fetch(self, row: int, mirror: str, answer: Callable[[], _Answer]) -> Future[_Answer]:
        """Have the work done for a row of the mirror, or join who waits for it; the future has the answer, or raises refusals.

        ``answer`` is called by the thread that did the work, whose connections to the database are new: who waits may be
        a thread that has none.
        """
        asker: Future[_Answer] = Future()
        with self._lock:
            until, refusal = self._refused.get(row, (0.0, None))
            if refusal is not None and until > time.monotonic():
                asker.set_exception(refusal)
                return asker
            askers = self._asked.get(row)
            if askers is None:
                askers = self._asked[row] = []
                self._places.add(mirror, row)
            askers.append((answer, asker))
            self._start_locked()
        return asker

    def _start_locked(self) -> None:
        while (taken := self._places.take()) is not None:
            self._pool = self._pool or ThreadPoolExecutor(_THREADS, thread_name_prefix=self._name)
            self._pool.submit(self._run, *taken)

    def _run(self, mirror: str, row: int) -> None:
        failure = self._done(row)
        with self._lock:
            askers = self._asked.pop(row)
        try:
            for answer, asker in askers:
                _tell(answer, asker, failure)
        finally:
            connections.close_all()  # as many as threads would stay open else
            with self._lock:
                self._places.leave(mirror)
                self._start_locked()

    def _done(self, row: int) -> BaseException | None:
        try:
            read_only.require_off()  # what is fetched is kept
            self._work(row)
        except ReadOnly as refusal:  # which may end before any pause
            return refusal
        except Refusal as refusal:
            with self._lock:
                if len(self._refused) >= _MOST:
                    self._refused.clear()
                self._refused[row] = time.monotonic() + _PAUSE, refusal
            return refusal
        except BaseException as error:  # noqa: BLE001  it is for who asked
            return error
        return None

    def forget_all(self) -> None:
        """Empty this process's memory of refusals."""
        with self._lock:
            self._refused.clear()


def _tell(answer: Callable[[], _Answer], asker: Future[_Answer], failure: BaseException | None) -> None:
    if failure is not None:
        asker.set_exception(failure)
        return
    try:
        found = answer()
    except BaseException as error:  # noqa: BLE001  as above
        asker.set_exception(error)
    else:
        asker.set_result(found)
