"""Contents of the storage and the keys that wrap them."""

from __future__ import annotations


def sealed_blobs(number: int) -> int:
    """Rows of blobs, without objects, whose keys are wrapped as they should be; returns how many."""
    from hashlib import sha256

    from indexapp.models import Blob
    from indexapp.storage.sealed_files import purpose
    from tpi_site.kit.key_ring import key_ring

    ring = key_ring()
    digests = [sha256(str(each).encode()).hexdigest() for each in range(number)]
    rows = [
        Blob(sha256=each, size=1, object_name=each, sealed_key=ring.wrap(bytes.fromhex(each), purpose(each)))
        for each in digests
    ]
    return len(Blob.objects.bulk_create(rows, batch_size=500))


def plain_blobs(number: int) -> None:
    """Contents that are kept and claimed as those of an upload are, on an installation that does not encrypt."""
    from hashlib import sha256

    from django.db import transaction

    from indexapp.services import blobs
    from indexapp.storage import default_storage

    for each in range(number):
        content = b"this was plain once %d" % each * 10_000
        with default_storage().spool() as spool:
            spool.file.write(content)
            stored = blobs.store(sha256(content).hexdigest(), spool)
        with transaction.atomic():
            blobs.claim(stored)


def current_key() -> str:
    """The id of the key that wraps."""
    from tpi_site.kit.key_ring import key_ring

    return key_ring().current


def wrapped_with() -> dict[str, int]:
    """How many texts each key wraps."""
    from collections import Counter

    from accounts.services.keys import sealed_columns

    found: Counter[str] = Counter()
    for column in sealed_columns.columns():
        found.update(column.by_key())
    return dict(found)


def opening_blobs() -> int:
    """How many blobs have a key that the ring opens; all must."""
    from indexapp.models import Blob
    from indexapp.storage.sealed_files import purpose
    from tpi_site.kit.key_ring import key_ring

    ring = key_ring()
    return sum(bool(ring.unwrap(blob.sealed_key, purpose(blob.object_name))) for blob in Blob.objects.iterator())
