"""One row against its object: there, as long as it must be, with a key that opens it, and byte for byte."""

from __future__ import annotations

from collections.abc import Callable

from indexapp.models import Blob
from indexapp.services.integrity.faults import Code, Fault
from indexapp.storage import BlobDamaged, BlobStorage, StoredBlob
from indexapp.storage.digesting import digest
from tpi_site.kit.key_ring import key_id_of, key_ring

Pace = Callable[[int], None]
"""Told how many bytes were read, it returns when the next may be."""


def examine(
    blob: Blob, storage: BlobStorage, *, deep: bool, pace: Pace | None = None, called: str = "the storage"
) -> Fault | None:
    """The first thing that is wrong with the blob's bytes; with ``deep`` all of them are read, as ``pace`` allows.

    ``called`` says in sentences what ``storage`` is.  Raises StorageUnavailable: of what does not answer nothing is known.
    """
    try:
        return _measured(blob, storage) or _opened(blob, storage) or (_read(blob, storage, pace) if deep else None)
    except FileNotFoundError:
        return _fault(Code.BLOB_MISSING, blob, f"the object {blob.object_name} is not in {called}")


def _fault(code: Code, blob: Blob, sentence: str) -> Fault:
    return Fault(code, blob.sha256, sentence, blob)


def _measured(blob: Blob, storage: BlobStorage) -> Fault | None:
    there, due = storage.stat(blob.object_name).size, blob.place.stored_size
    if there == due:
        return None
    return _fault(Code.BLOB_SIZE, blob, f"the object {blob.object_name} has {there} bytes and must have {due}")


def _opened(blob: Blob, storage: BlobStorage) -> Fault | None:
    """Whether the key fits; where the row's does not and that in the object's head does, the row is at fault.

    Of a row whose key this ring has not, nothing is said but that: the ring may be older than the row.
    """
    try:
        storage.require_opens(blob.place)
    except BlobDamaged as error:
        if key_id := _unknown_key(blob):
            return _fault(Code.KEY_UNKNOWN, blob, f"the key '{key_id}' is not in the key ring")
        if storage.by_head(blob.object_name, blob.size) is not None:
            return _fault(Code.KEY_WRONG, blob, "the row's wrapped key is not that of the object")
        return _fault(Code.BLOB_CORRUPT, blob, f"the object {error}")
    return None


def _unknown_key(blob: Blob) -> str:
    """The id of the row's key where the ring lacks it; empty where it has it, or the row names none."""
    key_id = key_id_of(blob.sealed_key)
    return "" if key_id in key_ring().keys else key_id


def _read(blob: Blob, storage: BlobStorage, pace: Pace | None) -> Fault | None:
    try:
        if digest_of(blob.place, storage, pace) == blob.sha256:
            return None
    except BlobDamaged as error:
        return _fault(Code.BLOB_CORRUPT, blob, f"the object {error}")
    return _fault(Code.BLOB_CORRUPT, blob, f"the bytes of the object {blob.object_name} have another SHA-256")


def digest_of(place: StoredBlob, storage: BlobStorage, pace: Pace | None = None) -> str:
    """The SHA-256 of the plain bytes, in hex digits."""
    if pace is None:
        return digest(storage.read(place))
    return digest(storage.read(place), lambda piece: pace(len(piece)))
