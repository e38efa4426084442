"""Blobs as files on a local disk.

Incoming bytes go to an unnamed file (``O_TMPFILE``), which the kernel frees when its last descriptor closes, so that an
aborted upload, a refusal or ``kill -9`` leaves nothing behind.  Where the file system has no unnamed files, a named
one under ``tmp/`` is used, which the daily sweep takes when its process died.
"""

from __future__ import annotations

import errno
import io
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from indexapp.storage.protocol import Spool

_PIECE = 256 * 1024
_NAME = re.compile(r"[0-9a-f]{2}/[0-9a-f]{62}\Z")
_NO_UNNAMED_FILES = {errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL}


class _WholeWrites(io.FileIO):
    """An unbuffered file whose ``write`` takes all or raises: a bare one may take a part when the disk fills up."""

    def write(self, piece: Any, /) -> int:
        """Write all of ``piece``; raises OSError when that cannot be done."""
        view = memoryview(piece).cast("B")
        done = 0
        while done < len(view):
            done += super().write(view[done:]) or 0
        return done


class DiskSpool:
    """A file that has no name yet, or one under ``tmp/`` where unnamed files are not to be had."""

    def __init__(self, file: BinaryIO, path: Path | None) -> None:
        self.file = file
        self.path = path

    @property
    def size(self) -> int:
        """Bytes written so far."""
        self.file.flush()
        return os.fstat(self.file.fileno()).st_size

    def link_to(self, target: Path) -> None:
        """Give the bytes a second, lasting name; raises FileExistsError."""
        if self.path is not None:
            os.link(self.path, target)
            return
        # linkat() with AT_SYMLINK_FOLLOW is what turns the descriptor's /proc entry into a name; Python calls it only
        # when a directory descriptor is given.
        root = os.open("/", os.O_RDONLY)
        try:
            os.link(f"/proc/self/fd/{self.file.fileno()}", target, src_dir_fd=root, follow_symlinks=True)
        finally:
            os.close(root)


class FilesystemStorage:
    """Blobs under ``root/blobs/ab/<62 hex digits>``.

    One level of 256 folders: they are soon there, and today's file systems look a name up among 100,000 as quickly as
    among 100.  With a second level nearly every upload would make a folder or two, which costs more than its file.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._blobs = root / "blobs"
        self._incoming = root / "tmp"
        self._has_folders = False
        for folder in (self._blobs, self._incoming):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def object_name(self, sha256: str) -> str:
        """See the protocol."""
        return f"{sha256[:2]}/{sha256[2:]}"

    @contextmanager
    def spool(self) -> Iterator[DiskSpool]:
        """See the protocol."""
        descriptor, path = self._open_unnamed()
        with _WholeWrites(descriptor, "w+b") as file:
            try:
                yield DiskSpool(file, path)
            finally:
                if path is not None:
                    path.unlink(missing_ok=True)

    def _open_unnamed(self) -> tuple[int, Path | None]:
        try:
            return os.open(self._incoming, os.O_TMPFILE | os.O_RDWR, 0o600), None
        except OSError as error:
            if error.errno not in _NO_UNNAMED_FILES:
                raise
        path = self._incoming / secrets.token_hex(16)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), path

    def put(self, name: str, spool: Spool) -> bool:
        """See the protocol: bytes reach the disk before the name does, and the name before this returns."""
        target = self._path(name)
        if _touched(target):
            return False
        if not isinstance(spool, DiskSpool):
            raise TypeError(spool)
        os.fsync(spool.file.fileno())
        self._make_folders()
        try:
            spool.link_to(target)
        except FileExistsError:
            _touched(target)
            return False
        _sync_folder(target.parent)
        return True

    def _make_folders(self) -> None:
        """Make all folders durably at once, so that it is one upload in the store's life that waits for them."""
        if self._has_folders:
            return
        missing = {f"{number:02x}" for number in range(256)}.difference(each.name for each in self._blobs.iterdir())
        for name in missing:
            (self._blobs / name).mkdir(mode=0o700, exist_ok=True)
        if missing:
            _sync_folder(self._blobs)
        self._has_folders = True

    def exists(self, name: str) -> bool:
        """See the protocol."""
        return self._path(name).exists()

    def size(self, name: str) -> int:
        """See the protocol."""
        return self._path(name).stat().st_size

    def read(self, name: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See the protocol."""
        file = self._path(name).open("rb", buffering=0)
        return _pieces(file, start, length)

    def local_path(self, name: str) -> Path | None:
        """See the protocol."""
        return self._path(name)

    def delete(self, name: str) -> None:
        """See the protocol."""
        self._path(name).unlink(missing_ok=True)

    def put_at(self, name: str) -> datetime:
        """See the protocol."""
        return datetime.fromtimestamp(self._path(name).stat().st_mtime, UTC)

    def names(self) -> Iterator[str]:
        """See the protocol."""
        for path in self._blobs.glob("*/*"):
            name = path.relative_to(self._blobs).as_posix()
            if _NAME.match(name):
                yield name

    def sweep_incoming(self, *, older_than: datetime) -> int:
        """See the protocol: named spools that nobody has written to since ``older_than``."""
        swept = 0
        for path in self._incoming.iterdir():
            with suppress(FileNotFoundError):  # its upload ended meanwhile
                if datetime.fromtimestamp(path.stat().st_mtime, UTC) < older_than:
                    path.unlink()
                    swept += 1
        return swept

    def _path(self, name: str) -> Path:
        if not _NAME.match(name):
            raise ValueError(name)
        return self._blobs / name


def _touched(path: Path) -> bool:
    """Whether ``path`` is there; its age starts anew, so that no sweep takes it from under a new reference."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _pieces(file: BinaryIO, start: int, length: int | None) -> Iterator[bytes]:
    with file:
        file.seek(start)
        left = length
        while left is None or left > 0:
            piece = file.read(_PIECE if left is None else min(_PIECE, left))
            if not piece:
                return
            left = None if left is None else left - len(piece)
            yield piece


def _sync_folder(folder: Path) -> None:
    """Make the folder's new entry durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
