"""The folder in which the processes of one installation count, so that any of them can tell the sum.

A process opens its files there with its first request.  It needs the folder for as long as it lives, which may be longer than
its supervisor: one that was killed leaves workers that finish their uploads.  So all of them hold a lock on the folder, that
they inherit from the supervisor, and who starts next removes only what nobody holds.
Nothing of ours is imported here, so that the supervisor stays small.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "tpi-metrics-"


@contextmanager
def folder() -> Iterator[tuple[Path, int]]:
    """A new folder, and the descriptor that children are to inherit, because it holds the lock; the folder goes at the end."""
    remove_abandoned()
    path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield path, descriptor
    finally:
        os.close(descriptor)
        shutil.rmtree(path, ignore_errors=True)
        remove_abandoned()


def remove_abandoned() -> None:
    """Remove the folders of supervisors who were killed, as far as no process that they started lives on."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        owner = path.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():  # who lives may be about to take the lock
            with suppress(OSError):  # somebody holds it, or it is another user's
                _remove_unheld(path)


def _remove_unheld(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(descriptor)
