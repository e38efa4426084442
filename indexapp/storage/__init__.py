"""Where the bytes are kept; :func:`default_storage` gives the place that ``TPI_STORAGE_URL`` names."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from indexapp.storage.blobs import BlobDamaged, BlobStorage, Put, StoredBlob
from indexapp.storage.filesystem import FilesystemStore
from indexapp.storage.protocol import ObjectStore, Spool, StorageUnavailable


def store_for(url: str) -> ObjectStore:
    """The store that ``url`` names; raises ImproperlyConfigured for a scheme that this version does not know."""
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return FilesystemStore(Path(unquote(parts.path)))
    raise ImproperlyConfigured("TPI_STORAGE_URL must be file:///an/absolute/folder.")


@lru_cache(maxsize=1)
def _cached(url: str, encrypting: bool) -> BlobStorage:  # noqa: FBT001  a key of the cache
    return BlobStorage(store_for(url), encrypting=encrypting)


def default_storage() -> BlobStorage:
    """The installation's storage, one object per process."""
    return _cached(settings.TPI_STORAGE_URL, settings.TPI_ENCRYPT)


def forget_default() -> None:
    """Make the next :func:`default_storage` look at its folder anew."""
    _cached.cache_clear()


__all__ = [
    "BlobDamaged",
    "BlobStorage",
    "ObjectStore",
    "Put",
    "Spool",
    "StorageUnavailable",
    "StoredBlob",
    "default_storage",
    "forget_default",
    "store_for",
]
