"""The downloads of this process: one for each file, some at a time, and what became of the last ones."""

from __future__ import annotations

import time
from threading import Lock, Thread

from django.db import connections

from indexapp.services.mirrors.fetching import wanted
from indexapp.services.mirrors.fetching.download import Download
from indexapp.services.mirrors.places import Places

_AT_ONCE = 48
"""Downloads that a process has under way, half of them of one mirror at most; others wait for their turn."""
_MOST_FAILED = 1000
_downloads: dict[int, Download] = {}
_places: Places[Download] = Places(_AT_ONCE)
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
        _places.add(download.wanted.index, download)
        _start_locked()
        if len(_downloads) > _MOST_FAILED:
            _forget_failed_locked()
    return download


def _start_locked() -> None:
    while (taken := _places.take()) is not None:
        try:
            # A daemon: a process that is told to end does not wait for an upstream.
            Thread(target=_work, args=taken, daemon=True, name="mirror-download").start()
        except RuntimeError:  # no threads are to be had
            mirror, download = taken
            _places.leave(mirror)
            download.give_up()
            return


def _forget_failed_locked() -> None:
    for row, download in list(_downloads.items()):
        if download.is_over:
            del _downloads[row]


def _work(mirror: str, download: Download) -> None:
    """Fetch it; whatever ends this thread, its place is another's then."""
    try:
        download.run()
    finally:
        try:
            _forget(download)
            connections.close_all()
        finally:
            with _lock:
                _places.leave(mirror)
                _start_locked()


def _forget(download: Download) -> None:
    with _lock:
        if download.failure is None and _downloads.get(download.wanted.row) is download:
            del _downloads[download.wanted.row]


def under_way() -> int:
    """How many downloads have not ended yet."""
    with _lock:
        return sum(not download.is_over for download in _downloads.values()) + _places.taken


def forget_all() -> None:
    """Empty this process's memory of what failed."""
    with _lock:
        _forget_failed_locked()
