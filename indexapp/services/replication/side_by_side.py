"""Several pieces of work side by side, without a pause between one and the next: each thread takes what is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from typing import Any, Self

from django.db import connections

Work = Callable[[], int]


@dataclass(frozen=True)
class _Done:
    keys: frozenset[Any]
    came: int
    error: Exception | None


class SideBySide:
    """``number`` threads that do what they are given, each with connections of its own; a context manager that ends them.

    One thread gives them work, and reads what became of it.
    """

    def __init__(self, number: int) -> None:
        self._todo: SimpleQueue[tuple[frozenset[Any], Work] | None] = SimpleQueue()
        self._done: SimpleQueue[_Done] = SimpleQueue()
        self._threads = [Thread(target=self._run, name=f"replication-{place}", daemon=True) for place in range(number)]
        self.doing: dict[frozenset[Any], None] = {}
        """What was given and is not done yet."""

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        for _ in self._threads:
            self._todo.put(None)
        for thread in self._threads:
            thread.join()

    def give(self, keys: frozenset[Any], work: Work) -> None:
        """Have it done; ``keys`` say what it is about."""
        self.doing[keys] = None
        self._todo.put((keys, work))

    def next(self) -> int:
        """Wait until one is done; what it returned.  Raises what it raised."""
        done = self._done.get()
        del self.doing[done.keys]
        if done.error is not None:
            raise done.error
        return done.came

    def _run(self) -> None:
        try:
            while (given := self._todo.get()) is not None:
                keys, work = given
                try:
                    self._done.put(_Done(keys, work(), None))
                except Exception as error:  # noqa: BLE001  raised where it is read
                    connections.close_all()
                    self._done.put(_Done(keys, 0, error))
        finally:
            connections.close_all()
