"""What readers saw to be wrong: a job looks closely, once for each content and process, and not in the reader's time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from threading import Lock

from django.db import DatabaseError

from indexapp.storage import BlobDamaged, KeyMissing
from tpi_site.kit import queue

log = logging.getLogger(__name__)
_JOB = "indexapp.tasks.examine_blob"
_MOST = 10_000
_noted: set[str] = set()
_lock = Lock()


def note(sha256: str) -> None:
    """Let a job examine the content; the second time in this process does nothing."""
    with _lock:
        if sha256 in _noted or len(_noted) >= _MOST:
            return
        _noted.add(sha256)
    try:
        queue.enqueue(_JOB, sha256, name=f"examine {sha256[:12]}")
    except DatabaseError:
        log.warning("No job can be started now that examines %s; the next scrub or fsck finds it.", sha256)


def watching(pieces: Iterator[bytes], sha256: str) -> Iterator[bytes]:
    """The pieces; damage that shows between them is noted."""
    try:
        yield from pieces
    except KeyMissing:  # the node lacks something, not the content
        raise
    except BlobDamaged:
        note(sha256)
        raise


def forget_all() -> None:
    """Empty this process's memory."""
    with _lock:
        _noted.clear()
