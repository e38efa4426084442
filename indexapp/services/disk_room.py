"""Room on this machine's disks: for uploads while there is enough, and always for everything else.

What is kept free lets the database and its log be written, so that reading, deleting and signing in go on when files have
filled the rest.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.conf import settings

from accounts.services import alarms
from indexapp.storage import default_storage
from tpi_site.kit.errors import NoSpace, Unavailable

ALARM = "disk-nearly-full"
FULL: Final = "disk-nearly-full"
_PASSING = 2
"""What goes through without being kept may have the half of what is to stay free, because it gives it back."""
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system on which the installation writes; ``place`` says what lies there."""

    place: str
    free: int


def disks() -> Iterator[Disk]:
    """The disk of incoming files (that of the files, too, where they lie on this machine), then that of the data folder.

    Raises OSError where a folder cannot be looked at.
    """
    yield Disk("files", _free(default_storage().objects.spool_folder))
    yield Disk("data", _free(settings.TPI_DATA_DIR))


def _free(folder: Path) -> int:
    state = os.statvfs(folder)
    return state.f_bavail * state.f_frsize


def require(size: int) -> None:
    """Refuse an upload whose body has ``size`` bytes where it would leave less than is to stay free."""
    incoming, data = disks()
    if min(incoming.free - size, data.free) < settings.TPI_MIN_FREE_MB * _MIB:
        raise NoSpace(
            "The server's disk is nearly full, so no files are taken now; everything that is published can be installed. Ask "
            "an operator to make room, then try again.",
            code=FULL,
        )


def may_keep() -> bool:
    """Whether there is room for what was fetched because somebody asked for it, and lies on the disk already."""
    return min(disk.free for disk in disks()) >= settings.TPI_MIN_FREE_MB * _MIB


def require_keeping(filename: str) -> None:
    """Refuse a job that would fetch what could not be kept."""
    if not may_keep():
        raise _full(filename)


def require_passing(size: int, filename: str) -> None:
    """Refuse to fetch ``size`` bytes more for a reader where not even their way through this disk has room."""
    incoming, data = disks()
    if min(incoming.free - size, data.free) < settings.TPI_MIN_FREE_MB * _MIB // _PASSING:
        raise _full(filename)


def _full(filename: str) -> Unavailable:
    return Unavailable(
        f"The server's disk is nearly full, so '{filename}' cannot be fetched now; what is here already can be installed. Ask "
        "an operator to make room.",
        retry_after=60,
        code=FULL,
    )


def shortage() -> str:
    """A sentence where uploads without a byte would be refused already, else empty."""
    low = [disk for disk in disks() if disk.free < settings.TPI_MIN_FREE_MB * _MIB]
    if not low:
        return ""
    found = " and ".join(f"{disk.free // _MIB} MiB on the disk of the {disk.place}" for disk in low)
    return f"Only {found} are free, of {settings.TPI_MIN_FREE_MB} that are to stay so (TPI_MIN_FREE_MB): uploads are refused."


def watch() -> bool:
    """Let the alarm of this machine say that its disk is nearly full, or end it; whether it is."""
    machine, sentence = socket.gethostname(), shortage()
    if sentence:
        alarms.ring(
            ALARM, f"{machine}: {sentence} Make room, or move the files (manage.py move_storage).", subject=machine
        )
    else:
        alarms.settle(ALARM, subject=machine)
    return bool(sentence)


def figures() -> dict[tuple[str, ...], float]:
    """For the metrics: free bytes by place, on the machine that is asked."""
    return {(disk.place,): float(disk.free) for disk in disks()}
