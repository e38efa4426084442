"""Where the bytes are kept; :func:`default_storage` gives the place that ``TPI_STORAGE_URL`` names."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from indexapp.storage.filesystem import FilesystemStorage
from indexapp.storage.protocol import BlobStorage, Spool


def storage_for(url: str) -> BlobStorage:
    """The storage that ``url`` names; raises ImproperlyConfigured for a scheme that this version does not know."""
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return FilesystemStorage(Path(unquote(parts.path)))
    raise ImproperlyConfigured("TPI_STORAGE_URL must be file:///an/absolute/folder.")


@lru_cache(maxsize=1)
def _cached(url: str) -> BlobStorage:
    return storage_for(url)


def default_storage() -> BlobStorage:
    """The installation's storage, one object per process."""
    return _cached(settings.TPI_STORAGE_URL)


def forget_default() -> None:
    """Make the next :func:`default_storage` look at its folder anew."""
    _cached.cache_clear()


__all__ = ["BlobStorage", "Spool", "default_storage", "forget_default", "storage_for"]
