"""The threads of the product that a test has begun end with it.

What a pool or a daemon of an earlier test still does is seen by the test that runs then: rows over a connection of its own,
objects in a storage that is not its own any more, and memories of a database that was emptied.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

_OURS = ("accounts.", "indexapp.", "webhooks.")
"""Threads of the site itself are there as long as a process is; who tests them ends them."""
_PATIENCE = 60.0
_LOOK_AGAIN = 0.005
_submitted: dict[Future[Any], str] = {}
_lock = threading.Lock()
_submit = ThreadPoolExecutor.submit


@contextmanager
def noted() -> Iterator[None]:
    """Inside, what pools are given to do is known to :func:`await_end`."""

    def submit(self: ThreadPoolExecutor, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        future = _submit(self, work, *arguments, **named)
        if name := _name(work):
            with _lock:
                _submitted[future] = name
        return future

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ThreadPoolExecutor, "submit", submit)
        yield


def await_end() -> bool:
    """Whether there was something to wait for; fails where it does not end."""
    until = time.monotonic() + _PATIENCE
    is_busy = False
    while left := _under_way():
        is_busy = True
        assert time.monotonic() < until, f"goes on after the test: {left}"
        wait(_given(), _LOOK_AGAIN)
        for thread in _daemons():
            thread.join(_LOOK_AGAIN)
    return is_busy


def _under_way() -> list[str]:
    return [*_given().values(), *(thread.name for thread in _daemons())]


def _given() -> dict[Future[Any], str]:
    """What pools have not done yet, by what was to be done."""
    with _lock:
        for future in [future for future in _submitted if future.done()]:
            del _submitted[future]
        return dict(_submitted)


def _daemons() -> list[threading.Thread]:
    """Threads of ours that are no pool's: a pool's own function is the library's."""
    return [thread for thread in threading.enumerate() if _name(getattr(thread, "_target", None))]


def _name(work: Any) -> str:
    """What it is called, where it is of the product's apps."""
    while isinstance(work, partial):
        work = work.func
    module = getattr(work, "__module__", None) or ""
    return f"{module}.{getattr(work, '__qualname__', '')}" if module.startswith(_OURS) else ""
