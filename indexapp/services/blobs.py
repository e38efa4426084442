"""Blobs between the storage and the database.

Order matters: bytes are put before the transaction that speaks of them, so that a row never lacks its bytes; what stays
without a row (a crash in between, a deletion) is swept later.  A sweep and a new upload of the same bytes meet at one
lock, and whoever comes second sees what the first did.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from indexapp.models import Blob, File
from indexapp.storage import Spool, default_storage
from tpi_site.kit import locking


class BlobVanishedError(Exception):
    """Bytes that were put are gone again: a sweep came between; put them once more and repeat the transaction."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes that the storage keeps, perhaps without a row yet; ``is_new`` when this upload brought them."""

    sha256: str
    size: int
    object_name: str
    is_new: bool


def store(sha256: str, size: int, spool: Spool) -> Stored:
    """Put the spooled bytes under their digest; call it before the transaction."""
    storage = default_storage()
    name = storage.object_name(sha256)
    return Stored(sha256, size, name, is_new=storage.put(name, spool))


def claim(stored: Stored) -> Blob:
    """The row of the stored bytes; call it inside the transaction that refers to them."""
    locking.hold(f"blob:{stored.sha256}")
    if not default_storage().exists(stored.object_name):
        raise BlobVanishedError(stored.sha256)
    blob, _ = Blob.objects.get_or_create(
        sha256=stored.sha256, defaults={"size": stored.size, "object_name": stored.object_name}
    )
    return blob


def discard(stored: Stored) -> None:
    """Take back bytes that a refused upload brought, unless another file has come to need them."""
    if stored.is_new:
        _forget(stored.object_name, stored.sha256)


def _forget(object_name: str, sha256: str) -> bool:
    with transaction.atomic():
        locking.hold(f"blob:{sha256}")
        if Blob.objects.filter(object_name=object_name).exists():
            return False
        default_storage().delete(object_name)
    return True


def of_files(files: QuerySet[File]) -> set[int]:
    """The ids of the blobs that ``files`` refer to, for :func:`release` after their deletion."""
    pairs = files.values_list("blob_id", "metadata_blob_id")
    return {blob_id for pair in pairs for blob_id in pair if blob_id is not None}


def release(blob_ids: Iterable[int]) -> int:
    """Delete the rows of those blobs that no file refers to any more; a later sweep removes their bytes."""
    unused = Blob.objects.filter(pk__in=list(blob_ids), files=None, metadata_of=None)
    deleted, _ = unused.delete()
    return deleted


def sweep(*, older_than: datetime) -> int:
    """Remove stored bytes without a row that were put before ``older_than``; returns how many."""
    storage = default_storage()
    swept = 0
    for name in storage.names():
        if Blob.objects.filter(object_name=name).exists() or storage.put_at(name) >= older_than:
            continue
        swept += _forget(name, name.replace("/", ""))
    return swept
