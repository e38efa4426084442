"""The folder of an export: files come into it whole or not at all, and what is right already stays as it is.

The bytes of a file reach the disk before it has its name.  Names are not forced there one by one, which would double the
time of an export: file systems with a journal keep their order, and what a power failure takes the next run finds missing.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import BinaryIO, Final

from indexapp.storage import BlobDamaged
from tpi_site.kit.errors import Conflict, Invalid

MANIFEST: Final = "manifest.json"
BRANCHES: Final = ("simple", "files")
"""The folders that an export writes, in the order in which things are taken out of them."""
_PART: Final = ".part"
"""What a folder's next file is called while it is written; its own name with more to it might be too long."""
_PIECE: Final = 256 * 1024


class Kept(Enum):
    """How a file came to be in the tree."""

    THERE = "there"
    LINKED = "linked"
    COPIED = "copied"


@dataclass(frozen=True, slots=True)
class Tree:
    """The folder ``root``; what is made in it has the rights of the folder itself, whatever the umask is.

    With ``is_quick`` a file of the right size is believed.  ``twin`` is another tree on the same disk, of which files are
    taken as hard links where they are right.
    """

    root: Path
    mode: int
    is_quick: bool = False
    twin: Path | None = None

    def keep(self, path: str, sha256: str, size: int, read: Callable[[], Iterator[bytes]]) -> Kept:
        """Have the content of this digest and size at ``path``; ``read`` gives its bytes.

        Raises FileNotFoundError and BlobDamaged where there are no such bytes, and then ``path`` is as it was.
        """
        if self._is_right(self.root / path, sha256, size):
            return Kept.THERE
        if self.twin is not None and self._is_right(self.twin / path, sha256, size) and self._link(path):
            return Kept.LINKED
        with self._part_of(path) as (part, file):
            digest = hashlib.sha256()
            for piece in read():
                digest.update(piece)
                file.write(piece)
            if digest.hexdigest() != sha256:
                raise BlobDamaged(f"{path}: the storage has other bytes")
            self._settle(part, file, self.root / path)
        return Kept.COPIED

    def has(self, path: str, sha256: str, size: int | None) -> bool:
        """Whether the content of this digest is at ``path`` already; it is read."""
        found = self.size_of(path) if size is None else size
        return found is not None and _digest_of(self.root / path, found) == sha256

    def size_of(self, path: str) -> int | None:
        """Bytes of the file at ``path``; None where there is none."""
        return _size_of(self.root / path)

    def adopt(self, part: Path, path: str) -> None:
        """Give a finished file of the same disk, which the caller has proved, its place."""
        target = self.root / path
        self._make_folders(target.parent)
        descriptor = os.open(part, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            os.fchmod(descriptor, self.mode & 0o666)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        settle(part, target)

    def remove(self, path: str) -> None:
        """Take a file out, and the folders in which it was the last."""
        target = self.root / path
        target.unlink(missing_ok=True)
        for folder in target.parents:
            if folder.parent == self.root or not _remove_empty(folder):
                break

    def put(self, path: str, body: bytes) -> bool:
        """Have these bytes at ``path``; whether anything had to be written."""
        return self.put_lines(path, lambda: iter([body]))[0]

    def put_lines(self, path: str, read: Callable[[], Iterable[bytes]]) -> tuple[bool, str]:
        """The same for text that comes in lines, each time that it is read; with its SHA-256."""
        digest, size = hashlib.sha256(), 0
        for line in read():
            digest.update(line)
            size += len(line)
        target, sha256 = self.root / path, digest.hexdigest()
        if _digest_of(target, size) == sha256:
            return False, sha256
        with self._part_of(path) as (part, file):
            for line in read():
                file.write(line)
            self._settle(part, file, target)
        return True, sha256

    def remove_all_but(self, is_known: Callable[[str], bool]) -> int:
        """Take out what nobody knows, pages before the files that they name; how many files that were."""
        removed = 0
        for branch in BRANCHES:
            for folder, folders, names in os.walk(self.root / branch, topdown=False):
                links = [name for name in folders if (Path(folder) / name).is_symlink()]
                for name in [*names, *links]:
                    path = Path(folder) / name
                    if not is_known(path.relative_to(self.root).as_posix()):
                        path.unlink(missing_ok=True)
                        removed += 1
                if Path(folder) != self.root / branch:
                    _remove_empty(Path(folder))
        return removed

    def _is_right(self, path: Path, sha256: str, size: int) -> bool:
        if self.is_quick:
            return _size_of(path) == size
        return _digest_of(path, size) == sha256

    def _link(self, path: str) -> bool:
        """Take the twin's file; False where the disks are different ones, or keep no links."""
        if self.twin is None:
            return False
        target = self.root / path
        self._make_folders(target.parent)
        part = target.parent / _PART
        part.unlink(missing_ok=True)
        try:
            os.link(self.twin / path, part, follow_symlinks=False)
        except OSError as error:
            if error.errno in (errno.EXDEV, errno.EMLINK, errno.EPERM, errno.ENOTSUP, errno.ENOENT):
                return False
            raise
        settle(part, target)
        return True

    @contextmanager
    def _part_of(self, path: str) -> Iterator[tuple[Path, BinaryIO]]:
        """A new file beside ``path``, which goes unless it was settled."""
        folder = (self.root / path).parent
        self._make_folders(folder)
        part = folder / _PART
        part.unlink(missing_ok=True)  # never written over: it may be a link to a file of the twin
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield part, file
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def _settle(self, part: Path, file: BinaryIO, target: Path) -> None:
        file.flush()
        os.fchmod(file.fileno(), self.mode & 0o666)
        os.fsync(file.fileno())
        settle(part, target)

    def _make_folders(self, folder: Path) -> None:
        """Make the folder and those above it, with the rights of the root."""
        try:
            folder.mkdir()
        except FileExistsError:
            return
        except FileNotFoundError:
            self._make_folders(folder.parent)
            folder.mkdir()
        folder.chmod(self.mode)


def settle(part: Path, target: Path) -> None:
    """Give what was written its name; it is there, or what was there before is, whatever dies now."""
    part.replace(target)


@contextmanager
def opened(folder: Path, *, is_quick: bool = False, twin: Path | None = None) -> Iterator[Tree]:
    """The tree at ``folder``, which is made where there is none; nobody else writes into it meanwhile."""
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise Invalid(f"There can be no export in {folder}: {error.strerror}.", code="export-place") from None
    try:
        _lock(descriptor, folder)
        yield Tree(folder, stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o2777, is_quick, twin)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    """The folder's own lock, which ends with the process that has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Conflict(f"Another export writes into {folder} at this moment.", code="export-runs") from None


def is_foreign(folder: Path) -> bool:
    """Whether there is something in the folder though no export has been there."""
    return not (folder / MANIFEST).exists() and any(each.name != _PART for each in folder.iterdir())


def _size_of(path: Path) -> int | None:
    """The size of what is a file there, and no link to one."""
    with suppress(OSError):
        found = path.lstat()
        return found.st_size if stat.S_ISREG(found.st_mode) else None
    return None


def _digest_of(path: Path, size: int) -> str | None:
    """The SHA-256 of the file there, if it has that size; one of another need not be read."""
    if _size_of(path) != size:
        return None
    digest = hashlib.sha256()
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _remove_empty(folder: Path) -> bool:
    with suppress(OSError):  # something is left in it, or it is a link
        folder.rmdir()
        return True
    return False
