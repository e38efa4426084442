"""Addresses of object stores, as ``TPI_STORAGE_URL`` and the commands take them.

=============================================  ==============================================================
``file:///folder``                             a folder on this machine, or one that all nodes mount
``s3://bucket/prefix?endpoint_url=https://…``  a bucket of S3 or a compatible server; credentials as boto3 finds them
``package.module.Class?option=value``          any other storage of Django or django-storages, by its dotted path
=============================================  ==============================================================
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import Storage
from django.utils.module_loading import import_string

from indexapp.storage.filesystem import FilesystemStore
from indexapp.storage.protocol import ObjectStore

_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+\Z")


def store_for(address: str, spools: Path, called: str = "TPI_STORAGE_URL") -> ObjectStore:
    """The store at ``address``, with a folder on this machine for incoming bytes.

    Raises ImproperlyConfigured, which calls the address what ``called`` says, and OSError where a folder cannot be made.
    """
    parts = urlsplit(address)
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return FilesystemStore(Path(unquote(parts.path)))
    if parts.scheme == "s3" and parts.netloc:
        return _bucket(parts, spools)
    if not parts.scheme and _DOTTED.match(parts.path):
        return _by_path(parts, spools)
    raise ImproperlyConfigured(
        f"{called} must be file:///an/absolute/folder, s3://bucket/prefix?endpoint_url=… or the dotted path of a "
        "storage class with ?option=value."
    )


def address_of(place: str) -> str:
    """The address of what a command was given: an address as it is, a folder (or its ``blobs``) by its path."""
    if "://" in place or not (place.startswith(("/", ".", "~")) or Path(place).is_dir()):
        return place
    folder = Path(place).expanduser().resolve()
    is_inside = folder.name == "blobs" and not (folder / "blobs").is_dir()
    return f"file://{quote(str(folder.parent if is_inside else folder))}"


def folder_of(address: str) -> Path | None:
    """The folder of a ``file://`` address."""
    parts = urlsplit(address)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def reason(error: Exception) -> str:
    """Why a store cannot be made, as a sentence's end with its full stop."""
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{said.rstrip('.')}."


def _bucket(parts: SplitResult, spools: Path) -> ObjectStore:
    try:
        from indexapp.storage import s3
    except ImportError as error:
        raise ImproperlyConfigured(f"A bucket needs django-storages with boto3: {error}.") from None
    try:
        return s3.S3Store(s3.backend(parts.netloc, parts.path.strip("/"), dict(parse_qsl(parts.query))), spools)
    except ValueError as error:
        raise ImproperlyConfigured(str(error)) from None


def _by_path(parts: SplitResult, spools: Path) -> ObjectStore:
    from indexapp.storage.django_backend import DjangoStore

    try:
        storage = import_string(parts.path)(**dict(parse_qsl(parts.query)))
    except (ImportError, TypeError) as error:
        raise ImproperlyConfigured(f"The storage class {parts.path} cannot be made: {error}.") from None
    if not isinstance(storage, Storage):
        raise ImproperlyConfigured(f"{parts.path} is no storage class of Django's.")
    return DjangoStore(storage, spools)
