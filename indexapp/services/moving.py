"""Copies every content that a row speaks of to another storage, while the installation goes on.

Objects are copied as they lie, sealed ones without being opened.  A copy can be broken off at any moment and begun again:
what is there already is looked at, and not sent a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from indexapp.domain.segments import SegmentBroken
from indexapp.models import Blob
from indexapp.storage import ObjectStore, StoredBlob
from indexapp.storage import sealed_files as sealed
from indexapp.storage.digesting import digest_of_stream
from indexapp.storage.protocol import Readable
from indexapp.storage.sealed_files import BEFORE
from tpi_site.kit.key_ring import key_ring

_BATCH = 500


@dataclass(slots=True)
class Progress:
    """How far a copy is: numbers of contents, bytes, and the names of the objects that could not be copied."""

    total: int
    copied: int = 0
    copied_bytes: int = 0
    already_there: int = 0
    damaged: list[str] = field(default_factory=list)

    @property
    def done(self) -> int:
        """Contents that were looked at."""
        return self.copied + self.already_there + len(self.damaged)


class _DamagedError(Exception):
    """The object is not what its row says."""


def copy_all(
    source: ObjectStore, target: ObjectStore, *, is_rehearsal: bool, report: Callable[[Progress], None]
) -> Progress:
    """Copy and prove every content; ``report`` is called after each one.

    A rehearsal counts what would be copied and reads nothing of it.  Raises StorageUnavailable when either side goes away.
    """
    progress = Progress(Blob.objects.count())
    for blob in _blobs():
        _copy_one(blob, source, target, progress, is_rehearsal=is_rehearsal)
        report(progress)
    return progress


def _blobs() -> Iterator[Blob]:
    """All rows, those too that come meanwhile, a batch at a time."""
    last = 0
    while batch := list(Blob.objects.filter(pk__gt=last).order_by("pk")[:_BATCH]):
        yield from batch
        last = batch[-1].pk


def _copy_one(blob: Blob, source: ObjectStore, target: ObjectStore, progress: Progress, *, is_rehearsal: bool) -> None:
    place = blob.place
    if _is_there(target, place):
        progress.already_there += 1
        return
    try:
        if not is_rehearsal:
            _send(blob, source, target)
    except (FileNotFoundError, SegmentBroken, _DamagedError):
        if Blob.objects.filter(pk=blob.pk, object_name=place.object_name).exists():  # not swept meanwhile
            progress.damaged.append(place.object_name)
        return
    progress.copied += 1
    progress.copied_bytes += place.stored_size


def _is_there(store: ObjectStore, place: StoredBlob) -> bool:
    """Whether the store has the object with its size and, where it is sealed, a head that opens."""
    try:
        if store.stat(place.object_name).size != place.stored_size:
            return False
        if place.sealed_key:
            _require_head(place, _read(store.open(place.object_name, 0, BEFORE), BEFORE))
    except (FileNotFoundError, SegmentBroken):
        return False
    return True


def _require_head(place: StoredBlob, before: bytes) -> None:
    """Raise SegmentBroken unless the row's key fits the head, or one that the head names and that was not given up.

    The row's counts: the head repeats the key as it was wrapped first, perhaps by one that has left the ring since.
    """
    try:
        sealed.require_head(sealed.opened(key_ring(), place.object_name, place.sealed_key), before)
    except SegmentBroken:
        key = sealed.opened(key_ring(), place.object_name, sealed.trusted_key_in(key_ring(), before))
        sealed.require_head(key, before)


def _read(stream: Readable, size: int) -> bytes:
    found = b""
    try:
        while len(found) < size and (piece := stream.read(size - len(found))):
            found += piece
    finally:
        stream.close()
    return found


def _send(blob: Blob, source: ObjectStore, target: ObjectStore) -> None:
    place = blob.place
    with target.spool() as spool:
        digest = digest_of_stream(source.open(place.object_name), spool.file.write)
        if spool.size != place.stored_size or (not place.sealed_key and digest != blob.sha256):
            raise _DamagedError
        if place.sealed_key:
            spool.file.seek(0)
            _require_head(place, spool.file.read(BEFORE))
        if not target.put(place.object_name, spool):
            target.replace(place.object_name, spool)  # cut off, or another's: what was there was no copy
    if not _is_there(target, place) or digest_of_stream(target.open(place.object_name)) != digest:
        raise _DamagedError
