"""Where the bytes are kept; :func:`default_storage` gives the place that ``TPI_STORAGE_URL`` names."""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings

from indexapp.storage import addresses
from indexapp.storage.blobs import BlobDamaged, BlobStorage, KeyMissing, Put, StoredBlob
from indexapp.storage.protocol import ObjectStore, Spool, StorageUnavailable


@lru_cache(maxsize=1)
def _cached(url: str, encrypting: bool) -> BlobStorage:  # noqa: FBT001  a key of the cache
    return BlobStorage(addresses.store_for(url, settings.TPI_DATA_DIR / "tmp"), encrypting=encrypting)


def default_storage() -> BlobStorage:
    """The installation's storage, one object per process."""
    return _cached(settings.TPI_STORAGE_URL, settings.TPI_ENCRYPT)


def forget_default() -> None:
    """Make the next :func:`default_storage` look at its folder anew."""
    _cached.cache_clear()


__all__ = [
    "BlobDamaged",
    "BlobStorage",
    "KeyMissing",
    "ObjectStore",
    "Put",
    "Spool",
    "StorageUnavailable",
    "StoredBlob",
    "default_storage",
    "forget_default",
]
