"""Room for incoming bytes on this machine's disk.

They go to an unnamed file (``O_TMPFILE``), which the kernel frees when its last descriptor closes, so that an aborted upload,
a refusal or ``kill -9`` leaves nothing behind.  Where the file system has no unnamed files, a named one is used, which the
daily sweep takes when its process died.
"""

from __future__ import annotations

import errno
import io
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

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

    def link_to(self, target: Path | str, folder: int | None = None) -> None:
        """Give the bytes a second, lasting name; raises FileExistsError.

        linkat() with AT_SYMLINK_FOLLOW is what turns the descriptor's /proc entry into a name; Python calls it only when the
        descriptor of a directory is given, whichever: ``folder``, where there is one open already.
        """
        if self.path is not None:
            os.link(self.path, target)
            return
        root = os.open("/", os.O_RDONLY) if folder is None else folder
        try:
            os.link(f"/proc/self/fd/{self.file.fileno()}", target, src_dir_fd=root, follow_symlinks=True)
        finally:
            if folder is None:
                os.close(root)


class Section(io.RawIOBase):
    """A stretch of a spool as a file of its own, which holds none of it in memory.

    One at a time: it moves the spool's own position.
    """

    def __init__(self, file: BinaryIO, start: int, length: int) -> None:
        super().__init__()
        self._file, self._start, self._length = file, start, length
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is: who sends it reads it for its digest before, and again for a further try."""
        return True

    def tell(self) -> int:
        """Bytes from where the stretch begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """As of any file; positions are within the stretch."""
        from_where = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._length}[whence]
        self._at = max(0, from_where + offset)
        return self._at

    def readinto(self, into: Any, /) -> int:
        """As of any file, up to the stretch's end."""
        wanted = min(len(into), self._length - self._at)
        if wanted <= 0:
            return 0
        self._file.seek(self._start + self._at)
        piece = self._file.read(wanted)
        into[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


class SpoolFolder:
    """Makes spools in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def spool(self) -> Iterator[DiskSpool]:
        """Room for bytes; what was not given a name is gone afterwards."""
        descriptor, path = self._open_unnamed()
        with _WholeWrites(descriptor, "w+b") as file:
            try:
                yield DiskSpool(file, path)
            finally:
                if path is not None:
                    path.unlink(missing_ok=True)

    def _open_unnamed(self) -> tuple[int, Path | None]:
        try:
            return os.open(self.folder, os.O_TMPFILE | os.O_RDWR, 0o600), None
        except OSError as error:
            if error.errno not in _NO_UNNAMED_FILES:
                raise
        path = self.folder / secrets.token_hex(16)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), path

    def sweep(self, *, older_than: datetime) -> int:
        """Remove named spools that nobody has written to since ``older_than``; returns how many."""
        swept = 0
        for path in self.folder.iterdir():
            with suppress(FileNotFoundError):  # its upload ended meanwhile
                if datetime.fromtimestamp(path.stat().st_mtime, UTC) < older_than:
                    path.unlink()
                    swept += 1
        return swept
