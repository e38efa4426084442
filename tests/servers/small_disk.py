"""A file system of a few MiB, to be filled: a tmpfs of its own, which goes with the block."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[Path]:
    """``folder`` with room for so much; mounting needs root."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0700", "none", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path, *, leaving: int = 0) -> Path:
    """A file that takes all that is free but ``leaving`` bytes."""
    path = folder / "ballast"
    with path.open("wb") as file:
        while (room := _room(folder, leaving)) > 0:
            with suppress(OSError):  # somebody took some of it meanwhile
                os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, room)
    return path


def _room(folder: Path, leaving: int) -> int:
    state = os.statvfs(folder)
    return state.f_bavail * state.f_frsize - leaving
