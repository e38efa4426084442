"""Room on the replica's disk: where there is none, nothing is fetched and an alarm rings, until there is some again."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from accounts.services import alarms
from indexapp.models import WantedBlob
from indexapp.services import disk_room

ALARM = "replica-disk-full"
_MIB = 2**20
_AGAIN = timedelta(seconds=30)
_ENDED = (errno.ENOSPC, errno.EDQUOT)
_lacking: int | None = None
"""Bytes of the largest content for which there was none; None where the alarm was settled."""
_is_known = False
"""Whether this process has looked since it began: the one before it may have left the alarm ringing."""


def waits() -> str:
    """A sentence where nothing can be fetched because the disk is full, else empty."""
    free, least = _free(), settings.TPI_MIN_FREE_MB * _MIB
    if free >= least:
        return ""
    return (
        f"Only {free // _MIB} MiB of {settings.TPI_MIN_FREE_MB} that are to stay free (TPI_MIN_FREE_MB) are: make room."
    )


def keep_out() -> bool:
    """Whether nothing is to be fetched now; rings or ends the alarm."""
    global _lacking, _is_known
    if sentence := waits():
        _ring(0, sentence)
    elif (_lacking is not None or not _is_known) and _free() >= settings.TPI_MIN_FREE_MB * _MIB + (_lacking or 0):
        alarms.settle(ALARM, subject=socket.gethostname())
        _lacking, _is_known = None, True
    return bool(sentence)


def takes(wanted: WantedBlob) -> bool:
    """Whether this content has room; one that has not waits for it, and lets smaller ones pass."""
    if _free() - wanted.size >= settings.TPI_MIN_FREE_MB * _MIB:
        return True
    _wait(wanted)
    return False


def taken(wanted: Sequence[WantedBlob]) -> list[WantedBlob]:
    """Those of small contents that have room; the disk is asked once where it has some for all."""
    if _free() - sum(each.size for each in wanted) >= settings.TPI_MIN_FREE_MB * _MIB:
        return list(wanted)
    return [each for each in wanted if takes(each)]


def has_ended(wanted: WantedBlob, error: OSError) -> bool:
    """Whether the error is that the disk was full in the middle: the content then waits for room, and nothing is counted."""
    if error.errno not in _ENDED:
        return False
    _wait(wanted)
    return True


def _wait(wanted: WantedBlob) -> None:
    sentence = f"There is no room for {wanted.size} bytes from the primary; make room."
    WantedBlob.objects.filter(pk=wanted.pk).update(next_at=timezone.now() + _AGAIN, failure=sentence)
    _ring(wanted.size, sentence)


def _ring(size: int, sentence: str) -> None:
    global _lacking, _is_known
    if _lacking is None:
        alarms.ring(ALARM, f"{socket.gethostname()}: {sentence}", subject=socket.gethostname())
    _lacking, _is_known = max(size, _lacking or 0), True


def _free() -> int:
    return min(disk.free for disk in disk_room.disks())


def forget_all() -> None:
    """As a process that begins."""
    global _lacking, _is_known
    _lacking, _is_known = None, False
