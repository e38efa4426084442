"""One folder for all that a test run leaves on disk, in memory where the machine has enough.

Its owner holds a lock on it, which the kernel gives back however the run ends, so that the next run can tell what an
interrupted one left and sweep it.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

VARIABLE = "TPI_TEST_FOLDER"
_PREFIX = "tpi-tests-"
_LOCK = "lock"
_YOUNG = 3600  # seconds; a folder without a lock may belong to a run that starts right now
_MEMORY = Path("/dev/shm")
_ROOM = 4 * 2**30
"""Bytes that must be free in memory for a run to be kept there."""


def place() -> Path:
    """Where runs keep their files: thousands of tests make 256 folders each and wait for the disk, which none looks at."""
    with suppress(OSError, StopIteration, ValueError):
        state = os.statvfs(_MEMORY)
        lines = Path("/proc/meminfo").read_text().splitlines()
        available = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")) * 1024
        is_whole = os.access(_MEMORY, os.W_OK) and not state.f_flag & os.ST_NOEXEC
        if is_whole and min(state.f_bavail * state.f_frsize, available) >= _ROOM:
            return _MEMORY
    return Path(tempfile.gettempdir())


def begin() -> Path:
    """Make and lock the folder of this run, and name it in the environment for the processes that it starts."""
    for home in {Path(tempfile.gettempdir()), _MEMORY}:
        _sweep(home)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place()))
    folder.chmod(0o711)  # the database server runs as another user and has to reach its own folder below
    descriptor = os.open(folder / f".{_LOCK}", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    (folder / f".{_LOCK}").rename(folder / _LOCK)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ[VARIABLE] = str(folder)
    return folder


def current() -> Path:
    """The folder of the run that this process belongs to."""
    return Path(os.environ[VARIABLE])


def _sweep(home: Path) -> None:
    for folder in home.glob(f"{_PREFIX}*"):
        if _is_abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR)
    except OSError:
        return folder.exists() and time.time() - folder.stat().st_mtime > _YOUNG
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
