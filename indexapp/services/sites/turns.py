"""How many answers a process lets one mirror site hold at a time: a slow site must leave threads to everybody else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from django.conf import settings

_lock = Lock()
_held: Counter[int] = Counter()


def most() -> int:
    """Answers at a time of one site: half of the process's threads, and one at least."""
    return max(1, int(settings.TPI_THREADS) // 2)


@contextmanager
def one(site: int) -> Iterator[bool]:
    """Whether there is a turn for another answer of that site; it is held meanwhile."""
    with _lock:
        if is_free := _held[site] < most():
            _held[site] += 1
    try:
        yield is_free
    finally:
        if is_free:
            with _lock:
                _held[site] -= 1


def forget_all() -> None:
    """Empty this process's memory."""
    with _lock:
        _held.clear()
