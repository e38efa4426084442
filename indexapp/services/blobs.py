"""Blobs between the storage and the database.

Order matters: bytes are put before the transaction that speaks of them, so that a row never lacks its bytes; what stays
without a file (a crash in between, a deletion) is swept later.  A sweep and a new upload of the same bytes meet at one
lock, and whoever comes second sees what the first did.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from indexapp.models import Blob
from indexapp.storage import Spool, default_storage
from tpi_site.kit import locking

_BATCH = 1000


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


def claim(*stored: Stored) -> dict[str, int]:
    """The keys of the rows of the stored bytes by digest; call it once, inside the transaction that refers to them."""
    wanted = {each.sha256: each for each in stored}
    for sha256 in sorted(wanted):  # one order for all, so that no two uploads wait for each other
        locking.hold(f"blob:{sha256}")
        if not default_storage().exists(wanted[sha256].object_name):
            raise BlobVanishedError(sha256)
    return _rows(list(wanted.values()))


_INSERT = "INSERT INTO indexapp_blob (sha256, size, object_name, created_at) VALUES {} ON CONFLICT (sha256) DO NOTHING"
_SELECT = "SELECT sha256, id FROM indexapp_blob WHERE sha256 IN ({})"


def _rows(stored: list[Stored]) -> dict[str, int]:
    """The keys of the rows by digest, after the missing ones were made.

    Two statements of our own, because every upload comes here while it holds the lock that the others wait for.
    """
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    values = [value for each in stored for value in (each.sha256, each.size, each.object_name, now)]
    digests = [each.sha256 for each in stored]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT.format(", ".join(["(%s, %s, %s, %s)"] * len(stored))), values)
        cursor.execute(_SELECT.format(", ".join(["%s"] * len(stored))), digests)
        return dict(cursor.fetchall())


def discard(stored: Stored) -> None:
    """Take back bytes that a refused upload brought, unless another file has come to need them."""
    if stored.is_new:
        _forget(stored.object_name, stored.sha256)


def _forget(object_name: str, sha256: str) -> bool:
    with transaction.atomic():
        locking.hold(f"blob:{sha256}")
        if _is_claimed(object_name, sha256):
            return False
        default_storage().delete(object_name)
    return True


def _is_claimed(object_name: str, sha256: str) -> bool:
    """Whether a row speaks of these bytes; found by the digest, which has an index."""
    return Blob.objects.filter(sha256=sha256, object_name=object_name).exists()


def sweep(*, older_than: datetime) -> int:
    """Remove bytes that no file refers to and that were put before ``older_than``; returns how many blobs.

    Deleting a file leaves the rows of its blobs to this, because a row that two transactions come to at once, one to
    give it up and one to refer to it, would make either fail.
    """
    _give_up_rows()
    storage = default_storage()
    swept = 0
    for name in storage.names():
        sha256 = name.replace("/", "")
        if not _is_claimed(name, sha256) and _is_older(name, older_than):
            swept += _forget(name, sha256)
    storage.sweep_incoming(older_than=older_than)
    return swept


def _give_up_rows() -> None:
    unused = Blob.objects.filter(files=None, metadata_of=None)
    last = 0
    while batch := list(unused.filter(pk__gt=last).order_by("pk").values_list("pk", "sha256")[:_BATCH]):
        for last, sha256 in batch:
            with transaction.atomic():
                locking.hold(f"blob:{sha256}")
                unused.filter(pk=last).delete()


def _is_older(name: str, moment: datetime) -> bool:
    try:
        return default_storage().put_at(name) < moment
    except FileNotFoundError:  # a refused upload took it back meanwhile
        return False
