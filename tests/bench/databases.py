"""The measured installations' databases, asked and filled past the services: SQLite's file, or PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import psycopg

_WHEN = "2026-01-02 03:04:05.678901"
_BATCH = 20_000


class Work(Protocol):
    """What can be done within one transaction; statements have ``?`` where a value goes."""

    vendor: str

    def row(self, statement: str, *values: Any) -> Any:
        """The first row of the answer, or None where there is none."""

    def put(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Insert rows in bulk; required columns that are not named are filled with nothing."""


class Database(Protocol):
    """A database of the product."""

    def working(self, *, in_bulk: bool = False) -> Any:
        """A context manager around :class:`Work`; ``in_bulk``: nobody else has the database open."""


def _nothing(name: str, kind: str) -> str:
    if name in {"metadata", "detail"}:
        return "{}"
    if name in {"attestations", "allowed_platforms"}:
        return "[]"
    if kind.startswith(("datetime", "timestamp")):
        return _WHEN
    return "0" if kind.startswith(("bigint", "integer", "bool", "smallint")) else ""


class SqliteDatabase:
    """A file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def working(self, *, in_bulk: bool = False) -> Iterator[Work]:
        """See the protocol."""
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=60)
        try:
            if in_bulk:
                for pragma in ("journal_mode = MEMORY", "synchronous = OFF", "cache_size = -400000"):
                    connection.execute(f"PRAGMA {pragma}")
            connection.execute("BEGIN IMMEDIATE")
            yield _SqliteWork(connection)
            connection.execute("COMMIT")
            if in_bulk:
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("PRAGMA journal_mode = WAL")
        finally:
            connection.close()


class _SqliteWork:
    vendor = "sqlite"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def row(self, statement: str, *values: Any) -> Any:
        """See the protocol."""
        return self._connection.execute(statement, values).fetchone()

    def put(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """See the protocol."""
        known = self._connection.execute(f"PRAGMA table_info({table})").fetchall()
        others = [(name, kind) for _, name, kind, required, default, key in known if required and not (key or default)]
        rest = {name: _nothing(name, kind) for name, kind in others if name not in columns}
        names = ", ".join([*columns, *rest])
        places = ", ".join(["?"] * len(columns) + [f"'{value}'" for value in rest.values()])
        source = iter(rows)
        while batch := list(islice(source, _BATCH)):
            self._connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({places})", batch)


class PostgresDatabase:
    """The database at ``url``."""

    def __init__(self, url: str) -> None:
        self._url = url

    @contextmanager
    def working(self, *, in_bulk: bool = False) -> Iterator[Work]:
        """See the protocol."""
        with psycopg.connect(self._url) as connection:
            yield _PostgresWork(connection)
        if in_bulk:
            with psycopg.connect(self._url, autocommit=True) as connection:
                connection.execute("VACUUM ANALYZE")


class _PostgresWork:
    vendor = "postgresql"

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def row(self, statement: str, *values: Any) -> Any:
        """See the protocol."""
        found = self._connection.execute(statement.replace("?", "%s").encode(), values)
        return found.fetchone() if found.description else None

    def put(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """See the protocol; the table's sequence goes on after the highest number."""
        known = self._connection.execute(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s"
            " AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO'",
            [table],
        ).fetchall()
        rest = {name: _nothing(name, kind) for name, kind in known if name not in columns}
        names, constants = ", ".join([*columns, *rest]), tuple(rest.values())
        with self._connection.cursor().copy(f"COPY {table} ({names}) FROM STDIN".encode()) as copy:
            for row in rows:
                copy.write_row((*row, *constants))
        key = next(name for name in ("id", "serial") if name in columns) if {"id", "serial"} & {*columns} else ""
        if key:
            self.row(f"SELECT setval(pg_get_serial_sequence('{table}', '{key}'), (SELECT max({key}) FROM {table}))")
