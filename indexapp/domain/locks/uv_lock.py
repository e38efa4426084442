"""``uv.lock``, version 1: one table for each version of each package, with its files and where they come from."""

from __future__ import annotations

from collections.abc import Iterator

from indexapp.domain.locks import tables
from indexapp.domain.locks.tables import Table
from indexapp.domain.locks.wanted import (
    MOST_FILES,
    ListInvalid,
    Reading,
    Wanted,
    digests_of,
    filename_of,
    marker_of,
    name_of,
    pin_of,
    shown,
)

_VERSION = 1


def read(text: str) -> Reading:
    """What the lock asks for; raises :class:`ListInvalid` with the key."""
    document = tables.load(text)
    if document.get("version") != _VERSION:
        raise ListInvalid(
            f"version: {shown(document.get('version'))} is not the version of a uv.lock that can be read, which is {_VERSION}."
        )
    reading = Reading()
    for place, row in tables.rows(document, "package"):
        name = name_of(row.get("name"), f"{place}.name")
        source = tables.table(row, "source", place)
        if "registry" not in source:
            _note_source(reading, name, source)
            continue
        files = list(_files(row, place))
        reading.add(
            Wanted(
                name=name,
                specifier=pin_of(row.get("version"), f"{place}.version"),
                digests=frozenset[str]().union(*(digests for _, digests in files)),
                filenames=frozenset(filename for filename, _ in files),
                markers=tuple(
                    marker_of(marker, f"{place}.resolution-markers")
                    for marker in tables.words(row, "resolution-markers", place)
                ),
                place=place,
            )
        )
    return reading


def _note_source(reading: Reading, name: str, source: Table) -> None:
    """The project itself, its neighbours in the work space, and what is built from a checkout come from no index."""
    kind = next((key for key in source if isinstance(key, str)), "no source")
    if kind not in {"virtual", "editable"}:
        reading.note(f"'{name}' comes from {shown(kind)} and not from an index; it is left out.")


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
