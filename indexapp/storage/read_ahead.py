"""The next stretch of a stream is made ready on another processor while the last one is being sent.

To open sealed bytes and to send them take about as long, and neither holds the interpreter; one after the other they would
leave a second processor idle.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from itertools import islice
from threading import BoundedSemaphore
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


class _Ahead:
    """Threads that work ahead: one for each processor but the one that sends; none where there is only one."""

    def __init__(self) -> None:
        most = len(os.sched_getaffinity(0)) - 1
        self._free = BoundedSemaphore(most) if most else None
        self._pool = ThreadPoolExecutor(max(1, most), thread_name_prefix="read-ahead")

    def begin(self, make: Callable[[Item], Made], item: Item) -> Future[Made] | None:
        """``make(item)`` under way; None where no thread is free, as nobody gains by waiting for one."""
        if self._free is None or not self._free.acquire(blocking=False):
            return None
        return self._pool.submit(self._make, make, item)

    def _make(self, make: Callable[[Item], Made], item: Item) -> Made:
        try:
            return make(item)
        finally:
            if self._free is not None:
                self._free.release()


_ahead = lru_cache(1)(_Ahead)
os.register_at_fork(after_in_child=_ahead.cache_clear)  # a child has none of its parent's threads


def made_ahead(make: Callable[[Item], Made], items: Iterable[Item]) -> Generator[Made, None, None]:
    """``make`` of each item in their order, never two at once; what it raises is raised where its turn comes.

    At most one more than was taken is made.  Whoever stops early closes the iterator, and nothing is being made any more then.
    """
    coming = iter(items)
    following: Future[Made] | None = None
    try:
        for first in islice(coming, 1):
            made = make(first)
            for item in coming:
                following = _ahead().begin(make, item)
                yield made
                made = following.result() if following else make(item)
                following = None
            yield made
    finally:
        if following is not None:
            following.exception()  # it has ended then
