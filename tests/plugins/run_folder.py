"""One folder in the system's temporary folder for all that a test run leaves on disk.

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
from pathlib import Path

VARIABLE = "TPI_TEST_FOLDER"
_PREFIX = "tpi-tests-"
_LOCK = "lock"
_YOUNG = 3600  # seconds; a folder without a lock may belong to a run that starts right now


def begin() -> Path:
    """Make and lock the folder of this run, and name it in the environment for the processes that it starts."""
    _sweep()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
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


def _sweep() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
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
