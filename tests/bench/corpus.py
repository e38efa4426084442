"""Rows in bulk: projects with releases and files that look like real ones, written past the services by plain SQL.

Blobs have rows but no bytes; what a measurement downloads is uploaded for real.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any

from packaging.version import Version

from indexapp.domain.names import confusable_key
from indexapp.domain.versions import canonical_version, version_sort_key

_WHEN = "2026-01-02 03:04:05.678901"
_BATCH = 20_000
_FILES_OF_A_RELEASE = ("{stem}-py3-none-any.whl", "{stem}.tar.gz")


@dataclass(frozen=True)
class Shape:
    """``projects`` projects of ``files`` files each (two of a release)."""

    projects: int
    files: int
    prefix: str = "project"

    def name(self, number: int) -> str:
        """The normalised name of one of the projects."""
        return f"{self.prefix}-{number:06d}"


class Rows:
    """Inserts into one table; required columns that a caller does not name are filled with nothing."""

    def __init__(self, connection: sqlite3.Connection, table: str, columns: Sequence[str]) -> None:
        known = connection.execute(f"PRAGMA table_info({table})").fetchall()
        others = [(name, kind) for _, name, kind, required, default, key in known if required and not (key or default)]
        rest = {name: _nothing(name, kind) for name, kind in others if name not in columns}
        names = ", ".join([*columns, *rest])
        places = ", ".join(["?"] * len(columns) + list(rest.values()))
        self._connection = connection
        self._sql = f"INSERT INTO {table} ({names}) VALUES ({places})"

    def put(self, rows: Iterable[Sequence[Any]]) -> None:
        """Insert ``rows``, a batch at a time."""
        source = iter(rows)
        while batch := list(islice(source, _BATCH)):
            self._connection.executemany(self._sql, batch)


def _nothing(name: str, kind: str) -> str:
    if name in {"metadata", "detail"}:
        return "'{}'"
    if name in {"attestations", "allowed_platforms"}:
        return "'[]'"
    if kind.startswith("datetime"):
        return f"'{_WHEN}'"
    return "0" if kind.startswith(("bigint", "integer", "bool", "smallint")) else "''"


def seed(database: Path, *shapes: Shape) -> None:
    """Write the shapes into the default index of a prepared database that nobody has open."""
    connection = sqlite3.connect(database, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = MEMORY")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -400000")
        connection.execute("BEGIN")
        for shape in shapes:
            _seed(connection, shape)
        connection.execute("COMMIT")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()


def _seed(connection: sqlite3.Connection, shape: Shape) -> None:
    index_id, index_name = connection.execute("SELECT id, name FROM indexapp_index WHERE is_default").fetchone()
    first = {table: _next_id(connection, table) for table in ("project", "release", "file", "blob")}
    serial = connection.execute("SELECT COALESCE(MAX(serial), 0) + 1 FROM indexapp_change").fetchone()[0]
    files, releases = shape.files, shape.files // len(_FILES_OF_A_RELEASE)
    projects = [(first["project"] + number, shape.name(number)) for number in range(shape.projects)]
    Rows(
        connection,
        "indexapp_project",
        [
            "id",
            "index_id",
            "name",
            "normalized_name",
            "confusable_key",
            "status",
            "summary",
            "total_size",
            "last_serial",
        ],
    ).put(
        (pk, index_id, name, name, confusable_key(name), "active", "One of many projects", files * 10_240, last)
        for (pk, name), last in zip(projects, count(serial + files - 1, files), strict=False)
    )
    Rows(connection, "indexapp_search", ["rowid", "name", "summary"]).put(
        (pk, name, "One of many projects") for pk, name in projects
    )
    versions = _versions(releases)
    Rows(
        connection,
        "indexapp_release",
        [
            "id",
            "project_id",
            "version",
            "canonical_version",
            "sort_key",
            "summary",
            "requires_python",
            "metadata_source",
        ],
    ).put(
        (first["release"] + place * releases + step, pk, *version, "One of many projects", ">=3.9", "bdist_wheel")
        for place, (pk, _) in enumerate(projects)
        for step, version in enumerate(versions)
    )
    _seed_files(connection, shape, projects, versions, first, index_id)
    Rows(
        connection, "indexapp_change", ["serial", "kind", "index_id", "index_name", "project", "version", "filename"]
    ).put(
        (serial + number, "file-added", index_id, index_name, name, version, filename)
        for number, (_, name, _, version, filename) in enumerate(_files(projects, versions, first["release"]))
    )


def _next_id(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f"SELECT COALESCE(MAX(id), 0) + 1 FROM indexapp_{table}").fetchone()[0])


def _versions(number: int) -> list[tuple[str, str, str]]:
    texts = [f"{1 + step // 100}.{step // 10 % 10}.{step % 10}" for step in range(number)]
    return [(text, canonical_version(text), version_sort_key(Version(text))) for text in texts]


def _files(
    projects: Sequence[tuple[int, str]], versions: Sequence[tuple[str, str, str]], first_release: int
) -> Iterator[tuple[int, str, int, str, str]]:
    """Project id and name, release id, version and file name of every file."""
    release = count(first_release)
    for pk, name in projects:
        stem = name.replace("-", "_")
        for version, _, _ in versions:
            release_id = next(release)
            for pattern in _FILES_OF_A_RELEASE:
                yield pk, name, release_id, version, pattern.format(stem=f"{stem}-{version}")


def _seed_files(
    connection: sqlite3.Connection,
    shape: Shape,
    projects: Sequence[tuple[int, str]],
    versions: Sequence[tuple[str, str, str]],
    first: dict[str, int],
    index_id: int,
) -> None:
    total = shape.projects * shape.files
    digests = [secrets.token_hex(32) for _ in range(total)]
    Rows(connection, "indexapp_blob", ["id", "sha256", "size", "object_name"]).put(
        (first["blob"] + number, digest, 10_240, f"{digest[:2]}/{digest[2:]}") for number, digest in enumerate(digests)
    )
    Rows(
        connection,
        "indexapp_file",
        ["id", "index_id", "project_id", "release_id", "filename", "kind", "size", "sha256", "blake2b_256", "md5",
         "requires_python", "metadata_sha256", "uploaded_by", "blob_id"],
    ).put(
        (first["file"] + number, index_id, pk, release, filename,
         "bdist_wheel" if filename.endswith(".whl") else "sdist", 10_240, digest, digest, digest[:32], ">=3.9",
         digest if filename.endswith(".whl") else "", "robot", first["blob"] + number)
        for number, (digest, (pk, _, release, _, filename)) in enumerate(
            zip(digests, _files(projects, versions, first["release"]), strict=True)
        )
    )  # fmt: skip


def touch(database: Path, project: str, *, kind: str = "release-yanked") -> None:
    """Yank or unyank the project's latest release, or log something of another ``kind``, past the services."""
    connection = sqlite3.connect(database, isolation_level=None, timeout=60)
    try:
        connection.execute("BEGIN IMMEDIATE")
        pk, index_id, index_name, release, version = connection.execute(
            "SELECT p.id, i.id, i.name, r.id, r.version FROM indexapp_project p"
            " JOIN indexapp_index i ON i.id = p.index_id JOIN indexapp_release r ON r.project_id = p.id"
            " WHERE p.normalized_name = ? ORDER BY r.sort_key DESC LIMIT 1",
            [project],
        ).fetchone()
        connection.execute("UPDATE indexapp_release SET is_yanked = NOT is_yanked WHERE id = ?", [release])
        Rows(connection, "indexapp_change", ["kind", "index_id", "index_name", "project", "version"]).put(
            [(kind, index_id, index_name, project, version)]
        )
        connection.execute(
            "UPDATE indexapp_project SET last_serial = (SELECT MAX(serial) FROM indexapp_change) WHERE id = ?", [pk]
        )
        connection.execute("COMMIT")
    finally:
        connection.close()
