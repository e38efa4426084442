"""A node that was told to stop says so to the proxies before it refuses anything.

The supervisor writes a mark where the node's processes count (:mod:`tpi_site.counters`), and ``/readyz`` finds it.  Nothing of
ours is imported here, so that the supervisor stays small.
"""

from __future__ import annotations

import os
from pathlib import Path

_MARK = "leaving"


def begin() -> None:
    """From now on this node is not ready."""
    if folder := _folder():
        (folder / _MARK).touch()


def has_begun() -> bool:
    """Whether this node was told to stop."""
    folder = _folder()
    return folder is not None and (folder / _MARK).exists()


def _folder() -> Path | None:
    path = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    return Path(path) if path else None
