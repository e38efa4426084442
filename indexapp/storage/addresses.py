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
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import Storage
from django.utils.module_loading import import_string

from indexapp.storage.filesystem import FilesystemStore
from indexapp.storage.protocol import ObjectStore

_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+\Z")


def store_for(address: str, spools: Path) -> ObjectStore:
    """The store at ``address``, with a folder on this machine for incoming bytes; raises ImproperlyConfigured."""
    parts = urlsplit(address)
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return FilesystemStore(Path(unquote(parts.path)))
    if parts.scheme == "s3" and parts.netloc:
        return _bucket(parts, spools)
    if not parts.scheme and _DOTTED.match(parts.path):
        return _by_path(parts, spools)
    raise ImproperlyConfigured(
        "TPI_STORAGE_URL must be file:///an/absolute/folder, s3://bucket/prefix?endpoint_url=… or the dotted path of a "
        "storage class with ?option=value."
    )


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
