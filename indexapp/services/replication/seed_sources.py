"""Where a replica finds what it wants: in a seed by name, in any other tree by the digest of what lies there.

Neither follows a link or opens what is no file, and neither says more than that a content may be there: who takes it proves it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from indexapp.models import WantedBlob
from indexapp.services.replication.seed_folder import SeedFolder, Unreadable, opened_beneath, pieces_of
from indexapp.storage import digesting

_PORTION: Final = 500
_DEEPEST: Final = 64
"""Folders within one another; each holds descriptors."""
_TOLD: Final = 20
FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Found(NamedTuple):
    """A content that may be there.  ``read`` gives its bytes; it raises BlobDamaged and Unreadable."""

    sha256: str
    size: int
    read: Callable[[], Iterator[bytes]]


@dataclass(slots=True)
class Seen:
    """What was met: numbers, and some names of what is damaged, or cannot be read."""

    not_needed: int = 0
    damaged: int = 0
    unreadable: int = 0
    examples: list[str] = field(default_factory=list)

    def is_damaged(self, what: object) -> None:
        """Count it."""
        self.damaged += 1
        self._tell(what)

    def is_unreadable(self, what: object) -> None:
        """Count it."""
        self.unreadable += 1
        self._tell(what)

    def _tell(self, what: object) -> None:
        """A name from outside may hold anything; a terminal gets printable text."""
        if len(self.examples) < _TOLD:
            self.examples.append(ascii(str(what))[1:-1][:300])


class Source(Protocol):
    """A folder to take from."""

    @property
    def kind(self) -> str:
        """What sort of folder it is, for people."""

    def found(self, seen: Seen) -> Iterator[Found]:
        """What is wanted and may be there, each once; what is not is counted."""


class Seed:
    """A folder that was exported: each content that is wanted is looked for by its name."""

    def __init__(self, folder: SeedFolder) -> None:
        self.folder = folder

    @property
    def kind(self) -> str:
        """See the protocol."""
        return "sealed seed" if self.folder.header.sealed else "plain seed"

    def found(self, seen: Seen) -> Iterator[Found]:
        """See the protocol."""
        last, number = 0, 0
        while portion := list(WantedBlob.objects.filter(pk__gt=last).order_by("pk")[:_PORTION]):
            last = portion[-1].pk
            for row in portion:
                if self.folder.has(row.sha256):
                    number += 1
                    yield Found(row.sha256, row.size, _reader(self.folder, row))
        seen.not_needed = max(0, self.folder.header.contents - number)


def _reader(folder: SeedFolder, row: WantedBlob) -> Callable[[], Iterator[bytes]]:
    return lambda: folder.read(row.sha256, row.size)


class Tree:
    """Any folder: files of a size that is wanted are read, and those of a digest that is wanted are found."""

    kind = "folder"

    def __init__(self, root: Path) -> None:
        self.root = root

    def found(self, seen: Seen) -> Iterator[Found]:
        """See the protocol."""
        wishes, root = _Wishes(), os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for parts, size in _files(root, (), seen):
                if not wishes.has_size(size):
                    seen.not_needed += 1
                elif (sha256 := self._digest(parts, seen)) is None:
                    pass  # it cannot be read
                elif wishes.take(sha256, size):
                    yield Found(sha256, size, self._reader(parts))
                else:
                    seen.not_needed += 1
        finally:
            os.close(root)

    def _digest(self, parts: tuple[str, ...], seen: Seen) -> str | None:
        try:
            with opened_beneath(self.root, *parts) as descriptor:
                return digesting.digest(pieces_of(descriptor, "/".join(parts)))
        except Unreadable as error:
            seen.is_unreadable(error)
            return None

    def _reader(self, parts: tuple[str, ...]) -> Callable[[], Iterator[bytes]]:
        def read() -> Iterator[bytes]:
            with opened_beneath(self.root, *parts) as descriptor:
                yield from pieces_of(descriptor, "/".join(parts))

        return read


class _Wishes:
    """What was wanted at the beginning, by size and by digest, on the disk and not in memory."""

    def __init__(self) -> None:
        self._rows = sqlite3.connect("")
        self._rows.execute("CREATE TABLE wanted (sha256 TEXT PRIMARY KEY, size INTEGER) WITHOUT ROWID")
        rows = WantedBlob.objects.order_by().values_list("sha256", "size").iterator(_PORTION)
        self._rows.executemany("INSERT OR IGNORE INTO wanted VALUES (?, ?)", rows)
        self._rows.execute("CREATE INDEX by_size ON wanted (size)")

    def has_size(self, size: int) -> bool:
        """Whether a content of this size is still wanted."""
        return self._rows.execute("SELECT 1 FROM wanted WHERE size = ? LIMIT 1", [size]).fetchone() is not None

    def take(self, sha256: str, size: int) -> bool:
        """Whether this one was; it is not any more."""
        return bool(self._rows.execute("DELETE FROM wanted WHERE sha256 = ? AND size = ?", [sha256, size]).rowcount)


def _files(folder: int, above: tuple[str, ...], seen: Seen) -> Iterator[tuple[tuple[str, ...], int]]:
    """The parts of the path of each file below an open folder, and its size."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                parts = (*above, entry.name)
                if entry.is_dir(follow_symlinks=False):
                    yield from _below(folder, parts, seen)
                elif entry.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):  # it went meanwhile
                        yield parts, entry.stat(follow_symlinks=False).st_size
    except OSError as error:
        seen.is_unreadable(f"{'/'.join(above) or '.'}: {error.strerror}")


def _below(folder: int, parts: tuple[str, ...], seen: Seen) -> Iterator[tuple[tuple[str, ...], int]]:
    if len(parts) > _DEEPEST:
        seen.is_unreadable(f"{'/'.join(parts)}: it lies too deep")
        return
    try:
        inner = os.open(parts[-1], FOLDER, dir_fd=folder)
    except OSError as error:
        seen.is_unreadable(f"{'/'.join(parts)}: {error.strerror}")
        return
    try:
        yield from _files(inner, parts, seen)
    finally:
        os.close(inner)
