"""When files were downloaded last, by the download log of the node that is asked."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from django.conf import settings

from indexapp.services import downloads

_MOST = 16 * 1024 * 1024
"""Bytes of the log that are read, from its end: a report must not read weeks of it."""


def last_downloads() -> dict[tuple[str, str], datetime]:
    """By project and file name when the file was downloaded last, whichever index it was asked of."""
    found: dict[tuple[str, str], datetime] = {}
    if not settings.TPI_DOWNLOAD_LOG:
        return found
    for project, filename, moment in _downloads():
        known = found.get((project, filename))
        if known is None or known < moment:
            found[project, filename] = moment
    return found


def _downloads() -> Iterator[tuple[str, str, datetime]]:
    left = _MOST
    for path in sorted(downloads.folder().glob("*.jsonl"), reverse=True):
        if left <= 0:
            return
        for line in _lines(path, left):
            try:
                row = json.loads(line)
                yield row["project"], row["filename"], datetime.fromisoformat(row["at"])
            except (ValueError, KeyError, TypeError):
                continue  # a line that is being written, or one that counts what was lost
        left -= _size(path)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _lines(path: Path, most: int) -> Iterator[bytes]:
    """The last lines of the file; none where it was removed meanwhile."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - most))
            yield from file
    except OSError:
        return
