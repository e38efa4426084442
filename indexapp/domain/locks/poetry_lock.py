"""``poetry.lock`` of Poetry 1 and 2: files stand at each package since lock version 2, and in one table before."""

from __future__ import annotations

from typing import Any

from indexapp.domain.locks import locked, tables
from indexapp.domain.locks.tables import Table
from indexapp.domain.locks.wanted import (
    MOST_FILES,
    ListInvalid,
    Reading,
    digests_of,
    filename_of,
    marker_of,
    shown,
)

_OF_AN_INDEX = frozenset({"legacy", None})
"""Poetry's word for an index that is not PyPI; a package of PyPI names no source."""
_READ = ("1.", "2.")


def read(text: str) -> Reading:
    """What the lock asks for; raises :class:`ListInvalid` with the key."""
    document = tables.load(text)
    metadata = tables.table(document, "metadata", "")
    version = metadata.get("lock-version", "1.0")
    if not isinstance(version, str) or not version.startswith(_READ):
        raise ListInvalid(f"metadata.lock-version: {shown(version)} is not a version of poetry.lock that can be read.")
    central = tables.table(metadata, "files", "metadata")
    reading = Reading()
    for package in locked.packages(document):
        kind = package.source.get("type")
        if not isinstance(kind, str | None) or kind not in _OF_AN_INDEX:
            package.note_left_out(reading, kind)
            continue
        filenames, digests = _files(package.row, central, package.place)
        markers = _markers(package.row.get("markers"), f"{package.place}.markers")
        reading.add(package.wanted(filenames=filenames, digests=digests, markers=markers))
    return reading


def _files(row: Table, central: Table, place: str) -> tuple[frozenset[str], frozenset[str]]:
    if "files" in row:
        found = list(tables.rows(row, "files", MOST_FILES, place=place))
    else:
        found = list(tables.rows(central, str(row.get("name")), MOST_FILES, place="metadata.files"))
    filenames = frozenset(filename_of(file.get("file"), f"{key}.file") for key, file in found)
    return filenames, digests_of([file["hash"] for _, file in found if "hash" in file], place)


def _markers(said: Any, place: str) -> tuple[str, ...]:
    """One marker, or one for each group of dependencies."""
    if said is None:
        return ()
    each = list(said.values()) if isinstance(said, dict) else [said]
    return tuple(marker_of(marker, place) for marker in each)
