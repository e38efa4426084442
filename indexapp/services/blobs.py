"""Blobs between the storage and the database.

Order matters: bytes are put before the transaction that speaks of them, so that a row never lacks its bytes; what stays
without a file (a crash in between, a deletion) is collected later (:mod:`indexapp.services.garbage`).  A collection and a
new upload of the same bytes meet at one lock, and whoever comes second sees what the first did.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from django.db import connection, transaction
from django.utils import timezone

from accounts.services.keys.sealed_columns import SealedColumn
from indexapp.models import Blob
from indexapp.storage import BlobDamaged, Spool, StoredBlob, default_storage
from indexapp.storage.sealed_files import purpose
from tpi_site.kit import locking
from tpi_site.kit.key_ring import LOCK

_BATCH = 500
SEALED = SealedColumn("blobs", Blob, "sealed_key", ("object_name",), purpose, is_all_sealed=True)
"""Where the keys of the objects are, for the rotation."""


class BlobVanishedError(Exception):
    """Bytes that were put are gone again, or are held back: put them once more, heal, and repeat the transaction."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes that the storage keeps, perhaps without a row yet; ``is_new`` when this upload brought them."""

    sha256: str
    place: StoredBlob
    is_new: bool

    @property
    def object_name(self) -> str:
        """Under which name the storage keeps them."""
        return self.place.object_name


def store(sha256: str, spool: Spool) -> Stored:
    """Put the spooled bytes under their digest; call it before the transaction."""
    rows = Blob.objects.filter(sha256=sha256).values_list("sealed_key", flat=True)
    put = default_storage().put(sha256, spool, lambda: rows.first() or "")
    return Stored(sha256, put.blob, is_new=put.is_new)


def claim(*stored: Stored) -> dict[str, int]:
    """The keys of the rows of the stored bytes by digest; call it once, inside the transaction that refers to them."""
    wanted = {each.sha256: each for each in stored}
    _hold_keys(list(wanted.values()))
    _require_names_of_now(list(wanted.values()))
    ordered = sorted(wanted.values(), key=lambda one: one.object_name)  # for all, so that none waits for another
    locking.hold_each(_lock_of(each.object_name) for each in ordered)
    for each in ordered:
        if not default_storage().exists(each.object_name):
            raise BlobVanishedError(each.sha256)
    return _rows([_under_current_key(each) for each in wanted.values()])


def _hold_keys(stored: list[Stored]) -> None:
    """Keep the ring's keys where they are until the end of the transaction."""
    if any(each.place.sealed_key for each in stored):
        locking.hold_shared(LOCK)


def _require_names_of_now(stored: list[Stored]) -> None:
    """What was put before a key was given up must not come back: it is put once more."""
    for each in stored:
        if each.place.sealed_key and each.object_name != default_storage().object_name(each.sha256):
            raise BlobVanishedError(each.sha256)


def _under_current_key(stored: Stored) -> Stored:
    """What is put under a key that was removed since is put once more."""
    try:
        return replace(stored, place=default_storage().under_current_key(stored.place))
    except BlobDamaged:
        raise BlobVanishedError(stored.sha256) from None


def kept(digests: Iterable[str]) -> dict[str, int]:
    """The keys of those contents that are here, for a transaction that will refer to them.

    What garbage collection has marked may go at any moment: it is held, and looked at once more.
    """
    every, found, marked = list(digests), {}, []
    for start in range(0, len(every), _BATCH):
        rows = Blob.objects.filter(sha256__in=every[start : start + _BATCH])
        for sha256, key, name, since in rows.values_list("sha256", "pk", "object_name", "unreferenced_since"):
            found[sha256] = key
            if since is not None:
                marked.append((name, sha256))
    for name, sha256 in sorted(marked):  # as claims do
        hold(name)
        is_there = default_storage().exists(name)
        rows = Blob.objects.filter(pk=found[sha256], object_name=name)
        if not is_there or not rows.update(unreferenced_since=None):
            del found[sha256]
    return found


def is_whole(blob: Blob) -> bool:
    """Whether the blob's bytes are there and right, by reading them all; no when it is known that they are not."""
    return blob.damaged_at is None and default_storage().holds(blob.place, blob.sha256)


def hold(object_name: str) -> None:
    """Until the end of the transaction nobody else refers to this object, or removes it."""
    locking.hold(_lock_of(object_name))


def _lock_of(object_name: str) -> str:
    return f"blob:{object_name}"


_INSERT = (
    "INSERT INTO indexapp_blob (sha256, size, object_name, sealed_key, created_at) VALUES {}"
    " ON CONFLICT (sha256) DO NOTHING"
)
_SELECT = (
    "SELECT sha256, id, object_name, sealed_key, damaged_at, unreferenced_since FROM indexapp_blob WHERE sha256 IN ({})"
)


def _rows(stored: list[Stored]) -> dict[str, int]:
    """The keys of the rows by digest, after the missing ones were made.

    Two statements of our own, because every upload comes here while it holds the lock that the others wait for.
    """
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    values = [
        value
        for each in stored
        for value in (each.sha256, each.place.size, each.object_name, each.place.sealed_key, now)
    ]
    digests = {each.sha256: each for each in stored}
    with connection.cursor() as cursor:
        cursor.execute(_INSERT.format(", ".join(["(%s, %s, %s, %s, %s)"] * len(stored))), values)
        cursor.execute(_SELECT.format(", ".join(["%s"] * len(stored))), list(digests))
        found = cursor.fetchall()
    for sha256, key, object_name, sealed_key, damaged_at, unreferenced_since in found:
        if damaged_at is not None:
            raise BlobVanishedError(sha256)  # healed outside of this transaction, which has locked other projects
        _correct(key, digests[sha256], object_name, sealed_key)
        if unreferenced_since is not None:
            Blob.objects.filter(pk=key).update(unreferenced_since=None)
    return {sha256: key for sha256, key, *_ in found}


def _correct(key: int, stored: Stored, object_name: str, sealed_key: str) -> None:
    """Let a row that was there before speak of the object that was put.

    It may be another one (sealed, where the old one lies plain), or the same name put anew with a key of its own, by this
    upload or by one that died since.
    """
    place = stored.place
    is_same = object_name == place.object_name and (
        sealed_key == place.sealed_key or default_storage().is_same_key(place, sealed_key)
    )
    if not is_same:
        Blob.objects.filter(pk=key).update(object_name=place.object_name, sealed_key=place.sealed_key)


def discard(stored: Stored) -> None:
    """Take back bytes that a refused upload brought, unless another file has come to need them."""
    if stored.is_new:
        forget(stored.object_name)


def forget(object_name: str) -> bool:
    """Remove an object of which no row speaks; whether it went."""
    with transaction.atomic():
        hold(object_name)
        if _is_claimed(object_name):
            return False
        default_storage().delete(object_name)
    return True


def _is_claimed(object_name: str) -> bool:
    """Whether a row speaks of these bytes."""
    return Blob.objects.filter(object_name=object_name).exists()


def unclaimed() -> Iterator[str]:
    """Names of objects of which no row speaks; for maintenance, as it lists the store."""
    names = default_storage().names()
    while batch := list(islice(names, _BATCH)):
        claimed = set(Blob.objects.filter(object_name__in=batch).values_list("object_name", flat=True))
        yield from (name for name in batch if name not in claimed)
