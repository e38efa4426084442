"""What a tree consists of, noted on the disk while it is written: a million files are not held in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Final

from indexapp.domain.export_manifest import Entry, Kind

_TABLE: Final = """
    CREATE TABLE IF NOT EXISTS entry (path TEXT PRIMARY KEY, kind TEXT, project TEXT, sha256 TEXT, size INTEGER) WITHOUT ROWID
"""


class Ledger:
    """The entries of one export by their path; ``place`` is the file in which they stay."""

    def __init__(self, place: str = "") -> None:
        self._rows = sqlite3.connect(place)  # a file without a name is gone with its process
        self._rows.execute(_TABLE)
        self._rows.execute("CREATE INDEX IF NOT EXISTS by_project ON entry (project)")

    def add(self, entries: Iterable[Entry]) -> None:
        """Note that the tree has these."""
        self._rows.executemany("INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?)", entries)

    def forget(self, project: str) -> None:
        """Strike out what the tree has of a project."""
        self._rows.execute("DELETE FROM entry WHERE project = ?", [project])

    def has(self, path: str) -> bool:
        """Whether the tree has a file of this path."""
        return self._rows.execute("SELECT 1 FROM entry WHERE path = ?", [path]).fetchone() is not None

    def has_project(self, project: str) -> bool:
        """Whether the tree has anything of the project."""
        return self._rows.execute("SELECT 1 FROM entry WHERE project = ?", [project]).fetchone() is not None

    def all(self, kind: Kind) -> Iterator[Entry]:
        """The entries of a kind, by path."""
        rows = self._rows.execute(
            "SELECT path, kind, project, sha256, size FROM entry WHERE kind = ? ORDER BY path", [kind]
        )
        yield from (Entry(*row) for row in rows)

    def count(self, kind: Kind) -> tuple[int, int]:
        """How many of a kind there are, and their bytes."""
        row = self._rows.execute("SELECT count(*), coalesce(sum(size), 0) FROM entry WHERE kind = ?", [kind]).fetchone()
        return row[0], row[1]

    def projects(self) -> int:
        """How many projects have something in the tree."""
        found: int = self._rows.execute("SELECT count(DISTINCT project) FROM entry WHERE project <> ''").fetchone()[0]
        return found

    def close(self) -> None:
        """Give the disk back."""
        self._rows.close()
