"""Contents sealed anew: those that lie plain, and those that were sealed before a key was given up.

A content is read and proved, put as a new object under a new key, and only then its row speaks of the new one, if it still
spoke of the old one.  So readers and uploads go on, a run may be killed at any moment, and several at once do no harm; the
old object is garbage, which is collected in its time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from accounts.domain.actors import Actor
from accounts.services import audit
from accounts.services.keys.contents import Progress, Report
from accounts.services.keys.rights import require_administrator
from indexapp.models import Blob
from indexapp.services import blobs
from indexapp.services.blobs import Stored
from indexapp.services.integrity import checking
from indexapp.services.integrity.objects import digest_of
from indexapp.storage import BlobDamaged, StoredBlob, default_storage
from indexapp.storage.digesting import digest
from tpi_site.kit import locking
from tpi_site.kit.errors import Conflict
from tpi_site.kit.key_ring import LOCK

log = logging.getLogger(__name__)
_BATCH = 500
_ATTEMPTS = 3


def plain() -> QuerySet[Blob]:
    """What lies plain."""
    return Blob.objects.filter(sealed_key="")


def seal_plain(*, actor: Actor, seconds: float | None = None, report: Report = lambda _progress: None) -> Progress:
    """Seal what lies plain, for so many seconds at most or until all is done."""
    require_administrator(actor)
    if not settings.TPI_ENCRYPT:
        raise Conflict("TPI_ENCRYPT is off; turn it on first.", code="encrypt-off")
    progress = Progress(plain().count())
    if progress.total:
        _seal_all(actor, _rows(plain()), progress, report, seconds)
        audit.record(
            actor=actor,
            action="blobs.seal",
            object_type="blobs",
            object_name="all that lie plain",
            sealed=progress.done,
            bytes=progress.sealed_bytes,
            failed=progress.failed,
        )
    return progress


class Resealing:
    """The contents of the index, for keys that are given up."""

    def waiting(self) -> int:
        """See the protocol; reads every row."""
        return sum(1 for _ in _old())

    def renew(self, *, actor: Actor, report: Report) -> Progress:
        """See the protocol."""
        progress = Progress(self.waiting())
        _seal_all(actor, _old(), progress, report, None)
        return progress


RESEALING = Resealing()


def _rows(found: QuerySet[Blob]) -> Iterator[Blob]:
    last = 0
    while batch := list(found.filter(pk__gt=last).order_by("pk")[:_BATCH]):
        last = batch[-1].pk
        yield from batch


def _old() -> Iterator[Blob]:
    """Sealed contents whose object has not the name that it would be given now: they were put before the names changed."""
    storage = default_storage()
    for blob in _rows(Blob.objects.exclude(sealed_key="")):
        if blob.object_name != storage.object_name(blob.sha256):
            yield blob


def _seal_all(actor: Actor, rows: Iterator[Blob], progress: Progress, report: Report, seconds: float | None) -> None:
    end = time.monotonic() + seconds if seconds is not None else None
    for blob in rows:
        if _seal(actor, blob):
            progress.done += 1
            progress.sealed_bytes += blob.size
        else:
            progress.failed += 1
        report(progress)
        if end is not None and time.monotonic() > end:
            return


def _seal(actor: Actor, blob: Blob) -> bool:
    """Whether the content is sealed now; one that cannot be read whole is held back."""
    if blob.damaged_at is not None:
        return False
    for _ in range(_ATTEMPTS):
        try:
            stored = _put(blob)
            if _switch(blob, stored):
                return True
        except (FileNotFoundError, BlobDamaged):
            if _is_as_it_was(blob) and checking.check_one(actor=actor, sha256=blob.sha256) is not None:
                return False
        if not _is_as_it_was(blob):  # an upload of the same bytes, a removal or another run came first
            return True
    log.warning("The content %s is put and swept again and again; the next run seals it.", blob.sha256)
    return False


def _is_as_it_was(blob: Blob) -> bool:
    return Blob.objects.filter(pk=blob.pk, object_name=blob.object_name).exists()


def _put(blob: Blob) -> Stored:
    """Put the proved bytes once more, and read them back, as the old ones will go.

    Raises FileNotFoundError or BlobDamaged where they are not those of the row, or do not come back.
    """
    storage = default_storage()
    with storage.spool() as spool:
        _fill(blob, spool.file.write)
        stored = blobs.store(blob.sha256, spool)
        if _is_right(stored.place, blob.sha256):
            return stored
        again = Stored(blob.sha256, storage.restore(blob.sha256, spool), is_new=True)
    if not _is_right(again.place, blob.sha256):
        raise BlobDamaged(f"{again.object_name}: what was put does not come back")
    return again


def _fill(blob: Blob, write: Callable[[bytes], object]) -> None:
    if digest(default_storage().read(blob.place), write) != blob.sha256:
        raise BlobDamaged(f"{blob.object_name}: its bytes have another SHA-256")


def _is_right(place: StoredBlob, sha256: str) -> bool:
    """Whether the object is whole, also one that an upload or a run before this one put."""
    try:
        return digest_of(place, default_storage()) == sha256
    except (FileNotFoundError, BlobDamaged):
        return False


def _switch(blob: Blob, stored: Stored) -> bool:
    """Let the row speak of the new object if it speaks of the old one still, and the new one is still there."""
    storage = default_storage()
    with transaction.atomic():
        locking.hold_shared(LOCK)
        for name in sorted({blob.object_name, stored.object_name}):
            blobs.hold(name)
        if stored.object_name != storage.object_name(blob.sha256) or not storage.exists(stored.object_name):
            return False
        place = storage.under_current_key(stored.place)
        found = Blob.objects.filter(pk=blob.pk, object_name=blob.object_name)
        return bool(found.update(object_name=place.object_name, sealed_key=place.sealed_key))
