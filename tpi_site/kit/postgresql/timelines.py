"""Which history of a PostgreSQL cluster is the present one.

A standby that is promoted begins a new timeline, of a higher number, and a primary that was lost and comes back is still on
its old one.  It takes writes like any primary, and whatever is written to it is lost.  So each node remembers, in its data
folder, the highest timeline that it has seen of each cluster, and believes no server that is behind it.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings

_FILE = "database-timelines.json"
_WHERE = "SELECT system_identifier, pg_walfile_name(pg_current_wal_lsn()) FROM pg_control_system()"
_DIGITS = 8  # of the name of a segment, in hexadecimal, before those of the place


class Place(NamedTuple):
    """The cluster's identity, which its standbys share, and the timeline that the server writes."""

    system: str
    timeline: int


def place(connection: Any) -> Place:
    """Where the server of a connection of the driver is, which must be a primary."""
    system, segment = connection.execute(_WHERE).fetchone()
    return Place(str(system), int(segment[:_DIGITS], 16))


def is_behind(connection: Any) -> bool:
    """Whether the server is one that another has taken over from; what it says otherwise is remembered."""
    here = place(connection)
    path = settings.TPI_DATA_DIR / _FILE
    known = _read(path)
    highest = known.get(here.system, 0)
    if here.timeline > highest:
        _write(path, known | {here.system: here.timeline})
    return here.timeline < highest


def _read(path: Path) -> dict[str, int]:
    try:
        return {str(system): int(timeline) for system, timeline in json.loads(path.read_text("ascii")).items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _write(path: Path, known: dict[str, int]) -> None:
    """Replace the file as a whole; of two processes that do so at once, both have seen the same."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    candidate = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(candidate, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(known, file)
        file.flush()
        os.fsync(file.fileno())
    candidate.replace(path)
