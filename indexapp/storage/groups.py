"""Many small contents put at once: they become durable together, which costs the disk little more than one of them.

The promise is that of a single put.  No name is given before the bytes under it are on the disk, and nothing is told to be
kept before its name is.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from typing import NamedTuple

from indexapp.domain.segments import SegmentBroken
from indexapp.storage import sealed_files
from indexapp.storage.blobs import BlobStorage, StoredBlob
from indexapp.storage.filesystem import FilesystemStore
from indexapp.storage.names import name_of
from indexapp.storage.spooling import DiskSpool
from tpi_site.kit.key_ring import KeyRing, key_ring

MOST = 128
"""Contents of a group: each holds a descriptor until it has its name."""
_FEW = 8
"""Below this each is synced by itself, so that no single upload waits for all that others write to the disk."""
_TELLS = (5, 8)
"""The Linux since which ``syncfs`` tells of what could not be written."""
_TELLING = {0xEF53, 0x58465342, 0x9123683E, 0xF2F52010}
"""File systems of a disk that do: ext, XFS, Btrfs, F2FS.  One that lies over another, or is elsewhere, may swallow an error."""


class Kept(NamedTuple):
    """A content that is durable now."""

    sha256: str
    place: StoredBlob


def is_grouping(storage: BlobStorage) -> bool:
    """Whether this storage makes many contents durable at once."""
    return isinstance(storage.objects, FilesystemStore)


def put_together(storage: BlobStorage, contents: Iterable[tuple[str, bytes]]) -> list[Kept]:
    """Keep contents, digest and bytes of at most :data:`MOST`, durably.

    What is not in the answer was there already, and is put by itself, where it is read before it is relied upon.  Bytes are
    written as they come, so that one content at a time is in memory.  The storage must be one that groups.
    """
    store = storage.objects
    if not isinstance(store, FilesystemStore):
        raise TypeError(store)
    places: dict[str, Kept] = {}
    ring = key_ring() if storage.encrypting else None  # what changes meanwhile is noticed before anybody refers to it
    with _group(store) as group:
        for sha256, content in contents:
            place, pieces = _sealed(ring, sha256, content)
            if place.object_name not in places and group.add(place.object_name, pieces):
                places[place.object_name] = Kept(sha256, place)
        return [places[name] for name in group.keep()]


def _sealed(ring: KeyRing | None, sha256: str, content: bytes) -> tuple[StoredBlob, Sequence[bytes]]:
    if ring is None:
        return StoredBlob(name_of(sha256), len(content)), [content]
    name = name_of(ring.name_of(sha256))
    wrapped, pieces = sealed_files.sealed(content, name, ring)
    return StoredBlob(name, len(content), wrapped), pieces


def read_whole(storage: BlobStorage, blob: StoredBlob) -> bytes:
    """A small content as :meth:`BlobStorage.read` gives it, and raising what that does, with one read of the disk."""
    if not blob.sealed_key:
        return b"".join(storage.read(blob))
    try:
        key = sealed_files.opened(key_ring(), blob.object_name, blob.sealed_key)
        stream = storage.objects.open(blob.object_name)
        try:
            return sealed_files.unsealed(stream.read(blob.stored_size + 1), key, blob.size)
        finally:
            stream.close()
    except SegmentBroken:  # or put anew by another node, or a part of it was read
        return b"".join(storage.read(blob))


class _Group:
    """Unnamed files that get their names together."""

    def __init__(self, store: FilesystemStore, stack: ExitStack) -> None:
        self._store, self._stack = store, stack
        # Before any byte, for the errors since then; the spools and the names are of one file system, or none could be linked.
        self._disk = os.open(store.spool_folder, os.O_RDONLY | os.O_DIRECTORY)
        stack.callback(os.close, self._disk)
        self._blobs = str(store.blobs)  # joined as texts: a Path for each of a hundred thousand is dear
        self._spools: dict[str, DiskSpool] = {}

    def add(self, name: str, pieces: Sequence[bytes]) -> bool:
        """Take the bytes of an object; False where there is one of this name."""
        if name in self._spools:
            return False
        spool = self._stack.enter_context(self._store.spool())
        spool.file.write(b"".join(pieces))
        self._spools[name] = spool
        return True

    def keep(self) -> list[str]:
        """Make all durable; the names that nobody else has given meanwhile."""
        self._store.make_folders()
        self._sync([spool.file.fileno() for spool in self._spools.values()])
        kept = []
        for name, spool in self._spools.items():
            with suppress(FileExistsError):
                spool.link_to(f"{self._blobs}/{name}", self._disk)
                kept.append(name)
        self._sync_folders({f"{self._blobs}/{name[:2]}" for name in kept})
        return kept

    def _sync(self, descriptors: list[int]) -> None:
        if len(descriptors) > _FEW and _syncs_all() and _kind_of(self._disk) in _TELLING:
            _sync_all(self._disk)
        else:
            for each in descriptors:
                os.fsync(each)

    def _sync_folders(self, folders: set[str]) -> None:
        with ExitStack() as stack:
            descriptors = []
            for folder in folders:
                descriptors.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY))
                stack.callback(os.close, descriptors[-1])
            self._sync(descriptors)


@contextmanager
def _group(store: FilesystemStore) -> Iterator[_Group]:
    with ExitStack() as stack:
        yield _Group(store, stack)


@lru_cache(1)
def _syncs_all() -> bool:
    """Whether the file system can be told to write everything, and says what could not be written."""
    found = re.match(r"(\d+)\.(\d+)", platform.release())
    is_new = found is not None and (int(found[1]), int(found[2])) >= _TELLS
    return is_new and platform.system() == "Linux" and hasattr(ctypes.CDLL(None), "syncfs")


def _kind_of(descriptor: int) -> int:
    """The number of the file system's kind, which ``fstatfs`` has in its first word."""
    found = (ctypes.c_long * 64)()
    if ctypes.CDLL(None, use_errno=True).fstatfs(descriptor, found):
        return 0
    return found[0] & 0xFFFFFFFF


def _sync_all(descriptor: int) -> None:
    """Have all of the file system that the descriptor is on written to the disk; raises OSError."""
    if ctypes.CDLL(None, use_errno=True).syncfs(descriptor):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
