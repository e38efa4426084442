"""The downloads of this process: one for each file, some at a time, and what became of the last ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock, Thread

from django.db import connections

from indexapp.services.mirrors.fetching import wanted
from indexapp.services.mirrors.fetching.download import Download
from indexapp.services.mirrors.places import Places

_AT_ONCE = 48
"""Downloads that a process has under way, half of them of one mirror at most; others wait for their turn."""
_MOST_FAILED = 1000
_downloads: dict[int | str, Download] = {}
_places: Places[Download] = Places(_AT_ONCE)
_lock = Lock()


def follow(row: int) -> Download | None:
    """The download of a mirror's file, which the caller follows now and must leave; None when there is nothing to fetch now.

    Where it failed a moment ago that is the answer still.
    """
    return follow_as(row, lambda: None if (found := wanted.load(row)) is None else Download(found))


def follow_as(key: int | str, make: Callable[[], Download | None]) -> Download | None:
    """As :func:`follow`, of the download that ``make`` makes where there is none of this key."""
    for _ in range(2):
        download = _current(key)
        if download is None:
            made = make()
            if made is None:
                return None
            download = _begun(made)
        if download.join():
            return download
    return None


def _current(key: int | str) -> Download | None:
    with _lock:
        download = _downloads.get(key)
        if download is not None and download.is_over and download.forget_at <= time.monotonic():
            del _downloads[key]
            return None
        return download


def _begun(download: Download) -> Download:
    """``download`` itself, or the one that somebody else has begun a moment ago."""
    with _lock:
        found = _downloads.setdefault(download.key, download)
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
        if download.failure is None and _downloads.get(download.key) is download:
            del _downloads[download.key]


def under_way() -> int:
    """How many downloads have not ended yet."""
    with _lock:
        return sum(not download.is_over for download in _downloads.values()) + _places.taken


def forget_all() -> None:
    """Empty this process's memory of what failed."""
    with _lock:
        _forget_failed_locked()
