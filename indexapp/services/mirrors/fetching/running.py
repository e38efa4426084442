"""The downloads of this process: one for each file, some at a time, and what became of the last ones."""

from __future__ import annotations

import time
from collections import deque
from threading import Lock, Thread

from django.db import connections

from indexapp.services.mirrors.fetching import wanted
from indexapp.services.mirrors.fetching.download import Download

_AT_ONCE = 48
"""Downloads that a process has under way; others wait for their turn."""
_MOST_FAILED = 1000
_downloads: dict[int, Download] = {}
_waiting: deque[Download] = deque()
_threads = 0
_lock = Lock()


def follow(row: int) -> Download | None:
    """The download of the file, which the caller follows now and must leave; None when there is nothing to fetch any more.

    Where it failed a moment ago that is the answer still.
    """
    for _ in range(2):
        download = _current(row)
        if download is None:
            found = wanted.load(row)
            if found is None:
                return None
            download = _begun(Download(found))
        if download.join():
            return download
    return None


def _current(row: int) -> Download | None:
    with _lock:
        download = _downloads.get(row)
        if download is not None and download.is_over and download.forget_at <= time.monotonic():
            del _downloads[row]
            return None
        return download


def _begun(download: Download) -> Download:
    """``download`` itself, or the one that somebody else has begun a moment ago."""
    with _lock:
        found = _downloads.setdefault(download.wanted.row, download)
        if found is not download:
            return found
        _waiting.append(download)
        _start_locked()
        if len(_downloads) > _MOST_FAILED:
            _forget_failed_locked()
    return download


def _start_locked() -> None:
    global _threads  # noqa: PLW0603  counted under the lock
    if _threads < _AT_ONCE:
        # A daemon: a process that is told to end does not wait for an upstream.
        Thread(target=_work, daemon=True, name="mirror-download").start()
        _threads += 1


def _forget_failed_locked() -> None:
    for row, download in list(_downloads.items()):
        if download.is_over:
            del _downloads[row]


def _work() -> None:
    """Fetch what waits, one after the other; whatever ends this thread, its place is another's then."""
    global _threads  # noqa: PLW0603  as above
    try:
        while (download := _next()) is not None:
            try:
                download.run()
            finally:
                _forget(download)
                connections.close_all()
    finally:
        with _lock:
            _threads -= 1
            if _waiting:  # it came after the last look, or something ended this thread early
                _start_locked()


def _next() -> Download | None:
    with _lock:
        return _waiting.popleft() if _waiting else None


def _forget(download: Download) -> None:
    with _lock:
        if download.failure is None and _downloads.get(download.wanted.row) is download:
            del _downloads[download.wanted.row]


def under_way() -> int:
    """How many downloads have not ended yet."""
    with _lock:
        return sum(not download.is_over for download in _downloads.values()) + _threads


def forget_all() -> None:
    """Empty this process's memory of what failed."""
    with _lock:
        _forget_failed_locked()
