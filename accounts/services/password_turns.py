"""Taking turns at slow hashes: few at a time, and one for all who ask the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock
from typing import Any, TypeVar

from django.conf import settings

from tpi_site.kit.errors import Throttled

T = TypeVar("T")
_hashing = BoundedSemaphore(2)
"""A hash takes memory and a core; more at once would let wrong passwords starve everything else."""
_places = BoundedSemaphore(max(2, settings.TPI_THREADS // 2))
"""Threads that hash or wait for it; who comes when all are taken is sent away, so that others are served meanwhile."""
_PATIENCE = 10.0  # seconds
_checks: dict[str, Future[Any]] = {}
_lock = Lock()


def shared(key: str, asking: Callable[[], T]) -> T:
    """What ``asking`` answers; of many who ask the same at once, as uv's connections do, one asks for all.

    Also where no account has the name: otherwise a burst would tell by who is sent away.
    """
    with _lock:
        check, is_first = _checks.get(key), key not in _checks
        if check is None:
            check = _checks[key] = Future()
    if not is_first:
        try:
            answer: T = check.result(_PATIENCE)
        except TimeoutError:
            raise _busy() from None
        return answer
    try:
        answer = asking()
        check.set_result(answer)
    except BaseException as error:
        check.set_exception(error)
        raise
    finally:
        with _lock:
            del _checks[key]
    return answer


@contextmanager
def turn() -> Iterator[None]:
    """A place to hash, or a refusal when too many hash or wait."""
    if not _places.acquire(blocking=False):
        raise _busy()
    try:
        if not _hashing.acquire(timeout=_PATIENCE):
            raise _busy()
        try:
            yield
        finally:
            _hashing.release()
    finally:
        _places.release()


def _busy() -> Throttled:
    return Throttled(
        "Too many passwords are being checked; try again in some seconds.", retry_after=5, code="sign-in-busy"
    )
