"""The list of what lies in a seed, ``SHA256SUMS``, which is also how far an export has come.

A line is written after the object that it speaks of is durable under its name.  So what is listed was written whole, and
whoever goes on after a crash reads no object again.
"""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from indexapp.services.replication.seed_folder import BLOBS, SUMS

PART = f"{SUMS}.part"
_LINE = re.compile(rf"([0-9a-f]{{64}})  {BLOBS}/([0-9a-f]{{2}}/[0-9a-f]{{62}})\n\Z")


class Ledger:
    """Names of objects and their sizes, on the disk and not in memory."""

    def __init__(self, root: Path) -> None:
        """Read the list, and leave out of it what was torn, comes twice, or speaks of what is not there; raises OSError."""
        self._root, self._path = root, root / SUMS
        self._rows = sqlite3.connect("")  # a file without a name, gone with its process
        self._rows.execute("CREATE TABLE known (name TEXT PRIMARY KEY, size INTEGER) WITHOUT ROWID")
        self._write_anew()
        self._file = self._path.open("ab")

    def _write_anew(self) -> None:
        part = self._path.with_name(PART)
        part.unlink(missing_ok=True)  # never written over: it may be another name of what lies elsewhere
        with part.open("xb") as file:
            if self._path.exists():
                with self._path.open(encoding="ascii", errors="replace") as lines:
                    for line in lines:
                        if (found := _LINE.match(line)) and self._know(found[2]):
                            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._path)
        sync(self._root)

    def _know(self, name: str) -> bool:
        path = self._root / BLOBS / name
        if path.is_symlink() or not path.is_file():
            return False
        return self._add(name, path.stat().st_size)

    def _add(self, name: str, size: int) -> bool:
        """Whether it is new."""
        return bool(self._rows.execute("INSERT OR IGNORE INTO known VALUES (?, ?)", [name, size]).rowcount)

    def has(self, name: str, size: int) -> bool:
        """Whether the object lies there whole."""
        found = self._rows.execute("SELECT size FROM known WHERE name = ?", [name]).fetchone()
        return found is not None and found[0] == size

    def add(self, written: Iterable[tuple[str, int, str]]) -> None:
        """Name, size and digest of objects that are durable now; raises OSError."""
        for name, size, sha256 in written:
            if self._add(name, size):
                self._file.write(f"{sha256}  {BLOBS}/{name}\n".encode())
        self._file.flush()
        os.fsync(self._file.fileno())

    def totals(self) -> tuple[int, int]:
        """How many objects there are, and how many bytes they are."""
        number, size = self._rows.execute("SELECT count(*), total(size) FROM known").fetchone()
        return number, int(size)

    def digest(self) -> str:
        """The SHA-256 of the list."""
        with self._path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def close(self) -> None:
        """Give the disk back."""
        self._file.close()
        self._rows.close()


def sync(folder: Path) -> None:
    """Make the folder's entries durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
