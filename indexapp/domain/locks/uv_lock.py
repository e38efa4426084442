"""``uv.lock``, version 1: one table for each version of each package, with its files and where they come from."""

from __future__ import annotations

from collections.abc import Iterator

from indexapp.domain.locks import locked, tables
from indexapp.domain.locks.locked import Locked
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

_VERSION = 1


def read(text: str) -> Reading:
    """What the lock asks for; raises :class:`ListInvalid` with the key."""
    document = tables.load(text)
    if "version" not in document:
        raise ListInvalid("The file does not say its version, as a uv.lock does; make it anew with 'uv lock'.")
    if document["version"] != _VERSION:
        raise ListInvalid(
            f"version: {shown(document['version'])} is not the version of a uv.lock that can be read, which is {_VERSION}."
        )
    reading = Reading()
    for package in locked.packages(document):
        if "registry" not in package.source:
            _note_source(reading, package)
            continue
        files = list(_files(package.row, package.place))
        markers = tables.words(package.row, "resolution-markers", package.place)
        reading.add(
            package.wanted(
                filenames=frozenset(filename for filename, _ in files),
                digests=frozenset[str]().union(*(digests for _, digests in files)),
                markers=tuple(marker_of(marker, f"{package.place}.resolution-markers") for marker in markers),
            )
        )
    return reading


def _note_source(reading: Reading, package: Locked) -> None:
    """The project itself, its neighbours in the work space, and what is built from a checkout come from no index."""
    kind = next((key for key in package.source if isinstance(key, str)), "no source")
    if kind not in {"virtual", "editable"}:
        package.note_left_out(reading, kind)


def _files(row: Table, place: str) -> Iterator[tuple[str, frozenset[str]]]:
    found = list(tables.rows(row, "wheels", MOST_FILES, place=place))
    if row.get("sdist") is not None:
        found.append((f"{place}.sdist", tables.table(row, "sdist", place)))
    for key, file in found:
        if "filename" in file:
            filename = filename_of(file["filename"], f"{key}.filename")
        else:
            filename = tables.file_in(file.get("url", file.get("path")), f"{key}.url")
        yield filename, digests_of([file["hash"]] if "hash" in file else [], f"{key}.hash")
