"""Reading all stored bytes again and again, a little at a time.

Each run takes what was verified longest ago and is due, until its time is over.  What it has read is noted every second or
two, so that a run which is killed costs no more than that; the next one goes on where it ended, on whatever node.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts.domain.actors import Actor
from accounts.services import alarms
from indexapp.models import Blob, ScrubCount
from indexapp.services.integrity import quarantine, verification
from indexapp.services.integrity.checking import confirmed, require_store
from indexapp.services.integrity.faults import HOLDS_BACK, Code, Fault
from indexapp.services.integrity.objects import examine
from indexapp.storage import StorageUnavailable, default_storage
from tpi_site.kit.errors import Refusal

log = logging.getLogger(__name__)
ALARM = "blob-key"
_RUN_SECONDS = 60
_NOTE_SECONDS = 1.5
_BATCH = 200
_MIB = 2**20


class Bandwidth:
    """Lets no more than ``limit`` bytes pass in a second, on the average since it was made."""

    def __init__(
        self, limit: int, clock: Callable[[], float] = time.monotonic, wait: Callable[[float], None] = time.sleep
    ) -> None:
        self._limit, self._clock, self._wait = limit, clock, wait
        self._began, self._passed = clock(), 0

    def within(self, size: int, seconds: float) -> Bandwidth:
        """As this lets pass, or one of its own that lets ``size`` bytes pass in so many seconds where this would not."""
        if size <= self._limit * seconds:
            return self
        return Bandwidth(math.ceil(size / seconds), self._clock, self._wait)

    def __call__(self, size: int) -> None:
        """So many bytes were read; returns when the next may be."""
        self._passed += size
        ahead = self._passed / self._limit - (self._clock() - self._began)
        if ahead > 0:
            self._wait(ahead)


@dataclass(slots=True)
class Scrubbed:
    """What a run did."""

    blobs: int = 0
    bytes: int = 0
    faults: list[Fault] = field(default_factory=list)
    stopped: str = ""
    _right: list[int] = field(default_factory=list)
    _noted: tuple[int, int] = (0, 0)

    @property
    def sentence(self) -> str:
        """For the list of jobs."""
        found = f"{self.blobs} contents ({self.bytes} bytes) read, {len(self.faults)} faults."
        return f"{found} {self.stopped}".strip()

    def take(self, blob: Blob, fault: Fault | None) -> None:
        """One more was read."""
        self.blobs += 1
        self.bytes += blob.size
        if fault is None:
            self._right.append(blob.pk)
        else:
            self.faults.append(fault)

    def note(self) -> None:
        """Write down what was read since the last time."""
        blobs, size = self.blobs - self._noted[0], self.bytes - self._noted[1]
        with transaction.atomic():
            verification.note(self._right)
            ScrubCount.objects.get_or_create(pk=1)
            ScrubCount.objects.filter(pk=1).update(
                blobs=F("blobs") + blobs, bytes=F("bytes") + size, last_run_at=timezone.now()
            )
        self._right, self._noted = [], (self.blobs, self.bytes)


def run(*, actor: Actor, seconds: float = _RUN_SECONDS) -> Scrubbed:
    """Examine what is due to the last byte, for about so many seconds; damage is held back as :mod:`.checking` does it."""
    done = Scrubbed()
    if settings.TPI_SCRUB_DAYS == 0:
        done.stopped = "It is turned off (TPI_SCRUB_DAYS)."
        return done
    try:
        require_store()
        _read_all(actor, done, time.monotonic() + seconds)
    except StorageUnavailable as error:
        done.stopped = f"The storage does not answer: {error}"
    except Refusal as refusal:
        done.stopped = refusal.detail
    finally:
        done.note()
        _tell(done)
    return done


def longest() -> float:
    """Seconds in which one content is read, whatever bandwidth is wished.

    A run that came to the end of a job's time would be killed, and begin with that content again: nothing behind it would
    ever be read.
    """
    timeout: Any = settings.Q_CLUSTER["timeout"]
    return float(timeout) / 2


def _read_all(actor: Actor, done: Scrubbed, end: float) -> None:
    pace, noted = Bandwidth(settings.TPI_SCRUB_MB_PER_SECOND * _MIB), time.monotonic()
    for blob in _due():
        done.take(blob, _examined(actor, blob, pace.within(blob.size, longest())))
        now = time.monotonic()
        if now >= end:
            return
        if now - noted >= _NOTE_SECONDS:
            done.note()
            noted = now


def _due() -> Iterator[Any]:
    """What nobody has read for as long as settings say, the oldest first; each once, whatever becomes of it."""
    rows = verification.by_age().filter(seen__lt=timezone.now() - timedelta(days=settings.TPI_SCRUB_DAYS))
    after = Q()
    while batch := list(rows.filter(after)[:_BATCH]):
        yield from batch
        last = batch[-1]
        after = Q(seen__gt=last.seen) | Q(seen=last.seen, pk__gt=last.pk)


def _examined(actor: Actor, blob: Blob, pace: Bandwidth) -> Fault | None:
    storage = default_storage()
    fault = examine(blob, storage, deep=True, pace=pace)
    fault = confirmed(fault, storage, deep=True) if fault else None
    if fault is None or fault.code not in HOLDS_BACK:
        return fault
    if fault.code is Code.BLOB_MISSING:
        require_store()  # its disk may have gone away since the run began
    quarantine.hold_back(actor=actor, fault=fault)
    return fault


def _tell(done: Scrubbed) -> None:
    if any(fault.code in HOLDS_BACK for fault in done.faults):
        quarantine.ring()
    keys = [fault for fault in done.faults if fault.code not in HOLDS_BACK]
    if keys:
        alarms.ring(ALARM, f"{len(keys)} stored contents do not open with the key of their row, such as {keys[0]}")
    elif not done.stopped:
        alarms.settle(ALARM)
    if done.stopped:
        log.warning("The scrub stopped: %s", done.stopped)
