"""The whole examination, as ``manage.py fsck`` and the jobs run it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from accounts.domain.actors import Actor
from indexapp.models import Blob
from indexapp.services import blobs
from indexapp.services.integrity import quarantine, rows, verification
from indexapp.services.integrity.faults import HOLDS_BACK, Fault
from indexapp.services.integrity.objects import examine
from indexapp.services.integrity.repair import repair
from indexapp.storage import BlobStorage, default_storage
from tpi_site.kit.errors import Unavailable

_BATCH = 500
_SAMPLE = 10


@dataclass(slots=True)
class Wish:
    """How to examine: all bytes or not, and whether to undo what can be undone, with bytes from ``source``."""

    deep: bool = False
    repairs: bool = False
    source: BlobStorage | None = None
    progress: Callable[[int, int], None] | None = None
    """Told after every batch of blobs how many of how many were looked at."""


@dataclass(slots=True)
class Summary:
    """What was done; ``orphans`` are objects without a row, which garbage collection takes in its time."""

    blobs: int = 0
    faults: int = 0
    repaired: int = 0
    orphans: int = 0
    orphaned_bytes: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong, or nothing any more."""
        return self.faults == self.repaired


def check(*, actor: Actor, wish: Wish, summary: Summary) -> Iterator[tuple[Fault, bool]]:
    """Each fault, and whether it was repaired; ``summary`` is filled meanwhile.  Raises StorageUnavailable.

    Blobs come first, so that counters are held against rows that were proved; what holds a blob back is written as it is
    found, and the alarm rings or ends when all is seen.
    """
    if wish.source is None:
        require_store()
    try:
        for fault in _all(actor, wish, summary):
            is_repaired = wish.repairs and repair(actor=actor, fault=fault, source=wish.source)
            if fault.code in HOLDS_BACK and not is_repaired:
                quarantine.hold_back(actor=actor, fault=fault)
            summary.faults += 1
            summary.repaired += is_repaired
            yield fault, is_repaired
    finally:
        quarantine.ring()
    _count_orphans(summary)


def require_store() -> None:
    """Refuse to hold everything back because the wrong place was looked at."""
    sample = list(Blob.objects.order_by("pk").values_list("object_name", flat=True)[:_SAMPLE])
    if len(sample) == _SAMPLE and not any(default_storage().exists(name) for name in sample):
        raise Unavailable(
            f"Not one of the first {_SAMPLE} contents is in the storage: see whether TPI_STORAGE_URL is right and its disk "
            "mounted. If they are lost indeed, restore them with --repair-from.",
            code="storage-lost",
        )


def check_one(*, actor: Actor, sha256: str) -> Fault | None:
    """Examine one blob, of which a reader saw something wrong, to the last byte."""
    blob = Blob.objects.filter(sha256=sha256).first()
    fault = examine(blob, default_storage(), deep=True) if blob else None
    if fault is not None and fault.code in HOLDS_BACK and quarantine.hold_back(actor=actor, fault=fault):
        quarantine.ring()
    return fault


def free_what_is_right(*, actor: Actor) -> int:
    """Serve again those held back whose bytes are in the storage after all and right, to the last one; returns how many.

    As after a move: what was uploaded while it went on was missing at the new place until the second run brought it.
    """
    freed = 0
    for blob in Blob.objects.filter(damaged_at__isnull=False).order_by("pk").iterator():
        if examine(blob, default_storage(), deep=True) is None:
            freed += quarantine.give_free(actor=actor, blob=blob)
    if freed:
        quarantine.ring()
    return freed


def _all(actor: Actor, wish: Wish, summary: Summary) -> Iterator[Fault]:
    yield from _blobs(actor, wish, summary)
    yield from rows.files()
    yield from rows.projects()
    yield from rows.quotas()


def _blobs(actor: Actor, wish: Wish, summary: Summary) -> Iterator[Fault]:
    storage, total, last = default_storage(), Blob.objects.count(), 0
    while batch := list(Blob.objects.filter(pk__gt=last).order_by("pk")[:_BATCH]):
        last, right = batch[-1].pk, []
        for blob in batch:
            fault = examine(blob, storage, deep=wish.deep or blob.damaged_at is not None)
            if fault is None:
                right.append(blob.pk)
                if blob.damaged_at is not None:
                    quarantine.give_free(actor=actor, blob=blob)
            elif still := confirmed(fault, storage, deep=wish.deep):
                yield still
        if wish.deep:
            verification.note(right)
        summary.blobs += len(batch)
        if wish.progress is not None:
            wish.progress(summary.blobs, total)


def confirmed(fault: Fault, storage: BlobStorage, *, deep: bool) -> Fault | None:
    """The fault, unless an upload or a collection changed the row meanwhile and it is good now or gone."""
    assert fault.blob is not None  # noqa: S101  examine() gives no other
    now = Blob.objects.filter(pk=fault.blob.pk).first()
    return examine(now, storage, deep=deep or fault.blob.damaged_at is not None) if now else None


def _count_orphans(summary: Summary) -> None:
    for name in blobs.unclaimed():
        try:
            summary.orphaned_bytes += default_storage().stat(name).size
        except FileNotFoundError:
            continue
        summary.orphans += 1
