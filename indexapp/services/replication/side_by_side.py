"""Several pieces of work side by side, without a pause between one and the next: each thread takes what is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Generic, Self, TypeVar

from django.db import connections

T = TypeVar("T")


@dataclass(frozen=True)
class _Done(Generic[T]):
    keys: frozenset[Any]
    came: T | None
    error: Exception | None


class SideBySide(Generic[T]):
    """``number`` threads that do what they are given, each with connections of its own; a context manager that ends them.

    One thread gives them work, and reads what became of it.
    """

    def __init__(self, number: int) -> None:
        self._todo: SimpleQueue[tuple[frozenset[Any], Callable[[], T]] | None] = SimpleQueue()
        self._done: SimpleQueue[_Done[T]] = SimpleQueue()
        self._threads = [Thread(target=self._run, name=f"replication-{place}", daemon=True) for place in range(number)]
        self.doing: dict[frozenset[Any], None] = {}
        """What was given and is not read yet."""

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        for _ in self._threads:
            self._todo.put(None)
        for thread in self._threads:
            thread.join()

    def give(self, keys: frozenset[Any], work: Callable[[], T]) -> None:
        """Have it done; ``keys`` say what it is about."""
        self.doing[keys] = None
        self._todo.put((keys, work))

    def done(self, most: int) -> list[T]:
        """Wait until one is done, and take along what is done by then, so many at most; raises what one of them raised."""
        came = [self._read(self._done.get())]
        while len(came) < most:
            try:
                came.append(self._read(self._done.get_nowait()))
            except Empty:
                break
        return came

    def _read(self, done: _Done[T]) -> T:
        del self.doing[done.keys]
        if done.error is not None:
            raise done.error
        return done.came  # type: ignore[return-value]  # there is one where there is no error

    def _run(self) -> None:
        try:
            while (given := self._todo.get()) is not None:
                keys, work = given
                try:
                    self._done.put(_Done(keys, work(), None))
                except Exception as error:  # noqa: BLE001  raised where it is read
                    connections.close_all()
                    self._done.put(_Done(keys, None, error))
        finally:
            connections.close_all()
