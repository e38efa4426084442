"""The storage, tried out with an object that is removed again."""

from __future__ import annotations

import hashlib
import secrets

from indexapp.storage import BlobStorage, Put, default_storage
from tpi_site.services.doctor.findings import Verdict, failing, good

_SIZE = 200 * 1024  # more than one sealed segment
_FIRST, _LENGTH = 150_000, 1000


def semantics() -> Verdict:
    """Put, put again, read a part, delete: as uploads, downloads and the collection of garbage do it."""
    content = secrets.token_bytes(_SIZE)
    sha256, storage = hashlib.sha256(content).hexdigest(), default_storage()
    name = storage.object_name(sha256)
    try:
        fault = _tried(storage, sha256, content)
    finally:
        storage.delete(name)
    if fault is None and storage.exists(name):
        fault = "an object is there after it was deleted"
    if fault:
        return failing(
            f"The storage does not keep its contract: {fault}.",
            "Uploads may be lost or stay for ever; use a storage that docs/storage.md names.",
        )
    way = "sealed" if storage.encrypting else "plain"
    return good(f"An object was put, found by a second put, read in part and deleted ({way}).")


def _tried(storage: BlobStorage, sha256: str, content: bytes) -> str | None:
    first = _put(storage, sha256, content)
    if not first.is_new:
        return "an object is there before it was put"
    if _put(storage, sha256, content).is_new:
        return "a second put wrote over the first"
    part = b"".join(storage.read(first.blob, _FIRST, _LENGTH))
    if part != content[_FIRST : _FIRST + _LENGTH]:
        return "a range has other bytes than were put"
    if b"".join(storage.read(first.blob)) != content:
        return "an object has other bytes than were put"
    return None


def _put(storage: BlobStorage, sha256: str, content: bytes) -> Put:
    with storage.spool() as spool:
        spool.file.write(content)
        return storage.put(sha256, spool)
