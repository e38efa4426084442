"""What readers saw to be wrong: a job looks closely, and not in the reader's time.

However many readers see it, one process asks for one content once in some minutes; what was mended and is damaged anew is
looked at again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from threading import Lock

from django.db import DatabaseError

from indexapp.storage import BlobDamaged, KeyMissing
from tpi_site.kit import queue

log = logging.getLogger(__name__)
_JOB = "indexapp.tasks.examine_blob"
_MOST = 10_000
_AGAIN = 300.0
"""Seconds for which a content that was noted is not noted again."""
_noted: dict[str, float] = {}
"""When each content was noted, the oldest first."""
_lock = Lock()


def note(sha256: str) -> None:
    """Let a job examine the content, unless this process asked for that a short while ago."""
    if not _is_first(sha256):
        return
    try:
        queue.enqueue(_JOB, sha256, name=f"examine {sha256[:12]}")
    except DatabaseError:
        with _lock:
            _noted.pop(sha256, None)  # so that the next reader tries again
        log.warning("No job can be started now that examines %s; the next reader, scrub or fsck finds it.", sha256)


def _is_first(sha256: str) -> bool:
    now = time.monotonic()
    with _lock:
        while _noted and next(iter(_noted.values())) <= now - _AGAIN:
            del _noted[next(iter(_noted))]
        if sha256 in _noted or len(_noted) >= _MOST:
            return False
        _noted[sha256] = now
    return True


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
