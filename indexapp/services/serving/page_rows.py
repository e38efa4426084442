"""Reading what a project page shows: statements of our own and no objects.

A page may have thousands of files: the database gives the rows in the order and the form in which they are rendered, and
what is left to do for each is to put it to its release.  The small statements are here because Django takes longer to
compose one than the database to answer it, and installers wait for them after every change.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS, connections

from indexapp.domain.simple_page import FileRow
from indexapp.services.serving import replica


class ReleaseFiles(NamedTuple):
    """A release that has files, and those by name; ``sort_key`` orders releases."""

    sort_key: str
    version: str
    files: list[FileRow]


class Place(NamedTuple):
    """Where a name was found: the project's id, its index's, its last serial and its status."""

    pk: int
    index_id: int
    serial: int
    status: str


class State(NamedTuple):
    """What a page says of its project."""

    status: str
    status_reason: str
    serial: int


_PLACES = (
    "SELECT id, index_id, last_serial, status FROM indexapp_project WHERE normalized_name = %s AND index_id IN ({})"
)
_EVER = """
    SELECT -1, i.id, 0, '' FROM indexapp_index i
     WHERE i.id IN ({}) AND EXISTS (SELECT 1 FROM indexapp_change c WHERE c.index_name = i.name AND c.project = %s
                                                AND c.kind = 'file-added')
"""
"""The change log outlives what it speaks of, so a name of which it knows a file was in the index once; a project that never
had one was a mistake."""
_STATE = "SELECT status, status_reason, last_serial FROM indexapp_project WHERE id = %s"
_CHANGES = """
    SELECT serial, kind, version FROM indexapp_change
     WHERE index_name = %s AND project = %s AND serial > %s ORDER BY serial LIMIT %s
"""
_ROWS = """
    SELECT r.sort_key, r.version,
           f.filename,
           substr(f.sha256, 1, 2) || '/' || substr(f.sha256, 3, 2) || '/' || substr(f.sha256, 5) || '/' || f.filename,
           CASE WHEN f.is_unhashed THEN '' ELSE f.sha256 END, nullif(f.size, 0), {uploaded}, nullif(f.requires_python, ''),
           CASE WHEN f.yank_reason <> '' AND (f.is_yanked OR r.is_yanked) THEN f.yank_reason
                WHEN r.is_yanked THEN r.yank_reason WHEN f.is_yanked THEN '' END,
           nullif(f.metadata_sha256, ''),
           CASE WHEN f.has_provenance THEN %s || r.version || '/' || f.filename || '/provenance' END
      FROM indexapp_release r JOIN indexapp_file f ON f.release_id = r.id
     WHERE r.project_id = %s AND NOT f.is_hidden{stretch}
     ORDER BY r.sort_key, {filename}
"""
_DIALECTS = {
    "sqlite": {
        # Whole seconds are stored there without a fraction.
        "uploaded": "substr(replace(f.uploaded_at, ' ', 'T') || '.000000', 1, 26) || 'Z'",
        "filename": "f.filename",
    },
    "postgresql": {
        "uploaded": "to_char(f.uploaded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')",
        "filename": 'f.filename COLLATE "C"',
    },
}
_OF_RELEASE = itemgetter(0, 1)
_OF_FILE = slice(2, None)


def places(index_ids: list[int], normalized_name: str) -> list[Place]:
    """The projects of this name in these indexes."""
    if not index_ids:
        return []
    found = _query(_PLACES.format(", ".join(["%s"] * len(index_ids))), [normalized_name, *index_ids])
    return [Place(*row) for row in found]


def claims(index_ids: list[int], owner_ids: list[int], normalized_name: str) -> tuple[list[Place], set[int]]:
    """The projects of this name in the indexes, and which of the owners have the name or had it once; one statement."""
    if not owner_ids:
        return places(index_ids, normalized_name), set()
    marks = ", ".join(["%s"] * len(owner_ids))
    sought = list(dict.fromkeys([*index_ids, *owner_ids]))
    statement = f"{_PLACES.format(', '.join(['%s'] * len(sought)))} UNION ALL {_EVER.format(marks)}"
    found = [Place(*row) for row in _query(statement, [normalized_name, *sought, *owner_ids, normalized_name])]
    present = [place for place in found if place.pk > 0]
    return [place for place in present if place.index_id in index_ids], {place.index_id for place in found} & set(
        owner_ids
    )


def state(project_id: int) -> State | None:
    """The project as it is now; None when it is gone."""
    return next((State(*row) for row in _query(_STATE, [project_id])), None)


def logged(index_name: str, project: str, *, after: int, most: int) -> list[tuple[int, str, str]]:
    """Serial, kind and version of the project's changes after a serial, in order, as far as ``most``."""
    return _query(_CHANGES, [index_name, project, after, most])


def read_all(project_id: int, serial: int, attested: str = "") -> list[ReleaseFiles]:
    """All releases of the project that have files, in order, as they are at ``serial`` or later.

    ``attested`` is the address below which their provenance objects are.
    """
    return _read(serial, "", [attested, project_id])


def read_stretch(project_id: int, serial: int, after: str, upto: str | None, attested: str = "") -> list[ReleaseFiles]:
    """Those with a sort key above ``after``, and not above ``upto`` if there is one."""
    if upto is None:
        return _read(serial, " AND r.sort_key > %s", [attested, project_id, after])
    return _read(serial, " AND r.sort_key > %s AND r.sort_key <= %s", [attested, project_id, after, upto])


def _read(serial: int, stretch: str, parameters: list[Any]) -> list[ReleaseFiles]:
    def reading(alias: str) -> list[Any]:
        dialect = _DIALECTS[connections[alias].vendor]
        return _query(_ROWS.format(stretch=stretch, **dialect), parameters, alias)

    rows = replica.read(serial, reading)
    return [
        ReleaseFiles(key, version, [row[_OF_FILE] for row in of_release])
        for (key, version), of_release in groupby(rows, _OF_RELEASE)
    ]


def _query(sql: str, parameters: list[Any], alias: str = DEFAULT_DB_ALIAS) -> list[Any]:
    with connections[alias].cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[Any] = cursor.fetchall()
    return rows
