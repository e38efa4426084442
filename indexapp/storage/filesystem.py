"""Objects as files on a local disk."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

from indexapp.storage.names import is_name, required
from indexapp.storage.protocol import ObjectState, Readable, Spool
from indexapp.storage.spooling import DiskSpool, SpoolFolder


class Limited:
    """A part of a file: no more than ``length`` bytes from where it stands."""

    def __init__(self, file: Readable, length: int) -> None:
        self._file = file
        self._left = length

    def read(self, size: int, /) -> bytes:
        """See the protocol."""
        piece = self._file.read(min(size, self._left)) if self._left > 0 else b""
        self._left -= len(piece)
        return piece

    def close(self) -> None:
        """See the protocol."""
        self._file.close()


class FilesystemStore:
    """Objects as files ``root/blobs/<name>``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._blobs = root / "blobs"
        self._text = str(self._blobs)  # joined as texts: a Path for each of a hundred thousand is dear
        self._incoming = SpoolFolder(root / "tmp")
        self._has_folders = False
        self._blobs.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def blobs(self) -> Path:
        """The folder of the objects, in which their names are paths."""
        return self._blobs

    @property
    def spool_folder(self) -> Path:
        """See the protocol."""
        return self._incoming.folder

    def spool(self) -> AbstractContextManager[DiskSpool]:
        """See the protocol."""
        return self._incoming.spool()

    def put(self, name: str, spool: Spool) -> bool:
        """See the protocol: bytes reach the disk before the name does, and the name before this returns.

        Also a name that is there already: who gave it may have died before it reached the disk.
        """
        target = self._path(name)
        self.make_folders()
        if _touched(target):
            _sync_folder(target.parent)
            return False
        if not isinstance(spool, DiskSpool):
            raise TypeError(spool)
        os.fsync(spool.file.fileno())
        try:
            spool.link_to(target)
        except FileExistsError:
            _touched(target)
            _sync_folder(target.parent)
            return False
        _sync_folder(target.parent)
        return True

    def make_folders(self) -> None:
        """Make all folders durably at once, so that it is one upload in the store's life that waits for them.

        Those that are there already too: who made them may have died before they reached the disk.
        """
        if self._has_folders:
            return
        missing = {f"{number:02x}" for number in range(256)}.difference(each.name for each in self._blobs.iterdir())
        for name in missing:
            (self._blobs / name).mkdir(mode=0o700, exist_ok=True)
        for folder in (self._blobs, self.root):
            _sync_folder(folder)
        with suppress(PermissionError):  # the folder that holds the store may be another's
            _sync_folder(self.root.parent)
        self._has_folders = True

    def replace(self, name: str, spool: Spool) -> None:
        """See the protocol: the new bytes get a name of their own beside the old one, which they take over at once."""
        target = self._path(name)
        if not isinstance(spool, DiskSpool):
            raise TypeError(spool)
        os.fsync(spool.file.fileno())
        self.make_folders()
        beside = self._incoming.folder / secrets.token_hex(16)
        spool.link_to(beside)
        beside.replace(target)
        _sync_folder(target.parent)

    def open(self, name: str, start: int = 0, length: int | None = None) -> Readable:
        """See the protocol."""
        file = _opened(f"{self._text}/{required(name)}")
        if start:
            file.seek(start)
        return file if length is None else Limited(file, length)

    def stat(self, name: str) -> ObjectState:
        """See the protocol."""
        found = os.lstat(f"{self._text}/{required(name)}")
        if not stat.S_ISREG(found.st_mode):
            raise FileNotFoundError(f"{name} is no file")
        return ObjectState(found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    def local_path(self, name: str) -> Path:
        """See the protocol."""
        return self._path(name)

    def delete(self, name: str) -> None:
        """See the protocol."""
        self._path(name).unlink(missing_ok=True)

    def names(self) -> Iterator[str]:
        """See the protocol."""
        for path in self._blobs.glob("*/*"):
            name = path.relative_to(self._blobs).as_posix()
            if is_name(name):
                yield name

    def sweep_incoming(self, *, older_than: datetime) -> int:
        """See the protocol."""
        return self._incoming.sweep(older_than=older_than)

    def _path(self, name: str) -> Path:
        return self._blobs / required(name)


def _opened(path: str) -> FileIO:
    """A file, and nothing else that somebody has put there: no pipe, which would never end, no link to elsewhere.

    Raises FileNotFoundError, as the object is not there then.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise FileNotFoundError(error.errno, "it is no file", path) from None
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return FileIO(descriptor, "rb")
    os.close(descriptor)
    raise FileNotFoundError(errno.ENOENT, "it is no file", path)


def _touched(path: Path) -> bool:
    """Whether ``path`` is there; its age starts anew, so that no sweep takes it from under a new reference."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    """Make the folder's new entry durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
