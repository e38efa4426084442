"""One moment of the database: a dump of it, and what it says about contents and keys, all of that very moment.

SQLite: the online backup copies the database into a scratch file, which is then asked.  PostgreSQL: a transaction exports its
snapshot, ``pg_dump`` reads under the same one, and so do the questions.
"""

from __future__ import annotations

import gzip
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from accounts.services.keys import sealed_columns
from indexapp.services.backups import postgres_tools

_PIECE = 256 * 1024
_ROWS = 500
_SCRATCH = "backup-"
_CONTENTS = "SELECT sha256, size, object_name, sealed_key FROM indexapp_blob ORDER BY id"


@dataclass(frozen=True, slots=True)
class Content:
    """A stored content as the snapshot has it."""

    sha256: str
    size: int
    object_name: str
    sealed_key: str


class Snapshot(Protocol):
    """What both databases give."""

    kind: str
    packing: str
    version: int

    def dump(self, file: BinaryIO) -> None:
        """Write all of the database."""

    def rows(self, statement: str) -> Iterator[tuple[Any, ...]]:
        """The answer, a few rows at a time."""


@contextmanager
def taken() -> Iterator[Snapshot]:
    """A snapshot of now, for as long as the block."""
    with _of_postgresql() if connection.vendor == "postgresql" else _of_sqlite() as found:
        yield found


def contents(snapshot: Snapshot) -> Iterator[Content]:
    """Every content that the snapshot speaks of."""
    return (Content(*row) for row in snapshot.rows(_CONTENTS))


def key_ids(snapshot: Snapshot) -> set[str]:
    """The keys of the ring that something in the snapshot is wrapped with."""
    found = set()
    for column in sealed_columns.columns():
        field, table = column.field, column.model._meta.db_table
        key_id = (
            f"split_part({field}, '.', 2)"
            if snapshot.kind == "postgresql"
            else f"substr({field}, 4, instr(substr({field}, 4), '.') - 1)"
        )
        statement = f"SELECT DISTINCT {key_id} FROM {table} WHERE {field} <> ''"  # noqa: S608  names of our own models
        found |= {str(row[0]) for row in snapshot.rows(statement)}
    return found


def migrations(snapshot: Snapshot) -> dict[str, list[str]]:
    """The applied migrations by app."""
    found: dict[str, list[str]] = {}
    for app, name in snapshot.rows("SELECT app, name FROM django_migrations ORDER BY app, name"):
        found.setdefault(app, []).append(name)
    return found


def serial(snapshot: Snapshot) -> int:
    """The last serial of the change log."""
    ((last,),) = snapshot.rows("SELECT coalesce(max(serial), 0) FROM indexapp_change")
    return int(last)


def scratch_folder() -> Path:
    """Where copies of the database lie while they are needed, on the disk of the data folder and mode 0700."""
    folder = Path(settings.TPI_DATA_DIR) / "tmp"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def sweep_scratch(prefix: str = _SCRATCH) -> None:
    """Remove what backups (or, by another ``prefix``, drills) that were killed have left; call it while no other runs."""
    for left in scratch_folder().glob(f"{prefix}*"):
        shutil.rmtree(left, ignore_errors=True)


class _SqliteSnapshot:
    kind, packing = "sqlite", "gzip"
    version = sqlite3.sqlite_version_info[0]

    def __init__(self, path: Path) -> None:
        self._path = path
        self._copy = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)

    def dump(self, file: BinaryIO) -> None:
        with self._path.open("rb") as raw, gzip.GzipFile("", "wb", 1, file, mtime=0) as packed:
            shutil.copyfileobj(raw, packed, _PIECE)

    def rows(self, statement: str) -> Iterator[tuple[Any, ...]]:
        found = self._copy.execute(statement)
        while batch := found.fetchmany(_ROWS):
            yield from batch

    def close(self) -> None:
        self._copy.close()


@contextmanager
def _of_sqlite() -> Iterator[_SqliteSnapshot]:
    with tempfile.TemporaryDirectory(dir=scratch_folder(), prefix=_SCRATCH) as folder:
        path = Path(folder) / "database"
        _copy_database(path)
        snapshot = _SqliteSnapshot(path)
        try:
            yield snapshot
        finally:
            snapshot.close()


def _copy_database(path: Path) -> None:
    """Copy in one step: readers and writers go on beside it, and no write of theirs makes it begin again."""
    source = sqlite3.connect(f"file:{quote(str(connection.settings_dict['NAME']))}?mode=ro", uri=True, timeout=60)
    target = sqlite3.connect(path)
    try:
        source.backup(target, pages=-1)
        target.execute("PRAGMA journal_mode=DELETE")  # all of it in one file
        target.commit()
    finally:
        target.close()
        source.close()


class _PostgresSnapshot:
    kind, packing = "postgresql", "pg_dump"

    def __init__(self, own: Any, name: str) -> None:
        self._own = own
        self._name = name
        self.version = own.pg_version // 10_000

    def dump(self, file: BinaryIO) -> None:
        postgres_tools.dump(postgres_tools.reached(self._own), self._name, self.version, file)

    def rows(self, statement: str) -> Iterator[tuple[Any, ...]]:
        with self._own.chunked_cursor() as cursor:
            cursor.execute(statement)
            while batch := cursor.fetchmany(_ROWS):
                yield from batch


@contextmanager
def _of_postgresql() -> Iterator[_PostgresSnapshot]:
    """A connection of its own, whose transaction lasts as long as the backup asks."""
    own = connection.copy()
    try:
        with own.cursor() as cursor:
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute("SELECT pg_export_snapshot()")
            name = cursor.fetchone()[0]
        yield _PostgresSnapshot(own, name)
    finally:
        own.close()
