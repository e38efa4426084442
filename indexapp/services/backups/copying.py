"""Copying contents to the place, as they lie, and holding what is there against what the rows say."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from indexapp.models import Blob
from indexapp.services.backups.snapshots import Content
from indexapp.services.integrity.faults import Code, Fault
from indexapp.services.integrity.objects import examine
from indexapp.storage import BlobStorage, ObjectStore
from indexapp.storage.digesting import digest_of_stream


class KnownContents:
    """The objects of a backup with the wrapped keys that they had, on the disk and not in memory."""

    def __init__(self, contents: Iterable[tuple[Content, bool]] = ()) -> None:
        self._rows = sqlite3.connect("")  # a file without a name, gone with its process
        self._rows.execute("CREATE TABLE known (name TEXT PRIMARY KEY, key TEXT) WITHOUT ROWID")
        self._add(contents)

    def _add(self, contents: Iterable[tuple[Content, bool]]) -> None:
        rows = ((each.object_name, each.sealed_key) for each, is_there in contents if is_there)
        self._rows.executemany("INSERT OR REPLACE INTO known VALUES (?, ?)", rows)

    def has(self, content: Content) -> bool:
        """Whether this very object was there under this very key."""
        found = self._rows.execute("SELECT key FROM known WHERE name = ?", [content.object_name]).fetchone()
        return found is not None and found[0] == content.sealed_key

    def has_name(self, name: str) -> bool:
        """Whether an object of this name was there."""
        return self._rows.execute("SELECT 1 FROM known WHERE name = ?", [name]).fetchone() is not None

    def add(self, contents: Iterable[tuple[Content, bool]]) -> None:
        """Know these too."""
        self._add(contents)

    def add_name(self, name: str) -> None:
        """Know an object of which nothing but the name matters."""
        self._rows.execute("INSERT OR IGNORE INTO known VALUES (?, '')", [name])

    def close(self) -> None:
        """Give the disk back."""
        self._rows.close()


@dataclass(slots=True)
class Progress:
    """What was done: numbers of contents, bytes of copies and of all contents, and the objects that could not be copied."""

    contents: int = 0
    content_bytes: int = 0
    copied: int = 0
    copied_bytes: int = 0
    damaged: int = 0
    examples: tuple[str, ...] = ()


def copied(
    contents: Iterable[Content],
    source: ObjectStore,
    target: ObjectStore,
    progress: Progress,
    base: KnownContents | None = None,
) -> Iterator[tuple[Content, bool]]:
    """Each content, and whether the target has it now.

    With ``base`` what that backup copied is believed to be there; without one everything there is read again.  Raises
    StorageUnavailable when a side goes away.
    """
    for content in contents:
        progress.contents += 1
        progress.content_bytes += content.size
        is_there = (base is not None and base.has(content)) or fault_in(content, target, deep=base is None) is None
        if not is_there:
            is_there = _send(content, source, target)
            _count(progress, content, is_copied=is_there)
        yield content, is_there


def fault_in(content: Content, store: ObjectStore, *, deep: bool, called: str = "the storage") -> Fault | None:
    """What is wrong with the store's object; one that another upload of the same content sealed is as good."""
    storage, row = BlobStorage(store, encrypting=False), _row(content)
    fault = examine(row, storage, deep=deep, called=called)
    if fault is not None and fault.code in (Code.KEY_WRONG, Code.KEY_UNKNOWN):
        by_head = storage.by_head(content.object_name, content.size)
        key = by_head.sealed_key if by_head else ""
        fault = examine(_row(replace(content, sealed_key=key)), storage, deep=deep, called=called)
    return fault


def _row(content: Content) -> Blob:
    return Blob(
        sha256=content.sha256,
        size=content.size,
        object_name=content.object_name,
        sealed_key=content.sealed_key,
    )


def _send(content: Content, source: ObjectStore, target: ObjectStore) -> bool:
    """Copy and read back; what is not right afterwards is not left there."""
    try:
        copy(content.object_name, source, target)
    except FileNotFoundError:
        return False
    if fault_in(content, target, deep=True) is None:
        return True
    target.delete(content.object_name)
    return False


def copy(name: str, source: ObjectStore, target: ObjectStore) -> None:
    """Let the target's object be the source's, byte for byte; raises FileNotFoundError."""
    with target.spool() as spool:
        digest_of_stream(source.open(name), spool.file.write)
        if not target.put(name, spool):
            target.replace(name, spool)


def _count(progress: Progress, content: Content, *, is_copied: bool) -> None:
    if is_copied:
        progress.copied += 1
        progress.copied_bytes += content.size
    else:
        progress.damaged += 1
        progress.examples = (*progress.examples, content.object_name)[:20]
