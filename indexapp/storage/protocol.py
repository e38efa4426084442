"""What the product asks of a place that keeps bytes.

:class:`ObjectStore` is what a backend must do: objects by name, immutable, no list needed while answering a request.
:class:`~indexapp.storage.blobs.BlobStorage` stands on one and knows contents, digests and keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from indexapp.storage.telling import told


class StorageUnavailable(Exception):
    """The place where the bytes are cannot be reached, or does not answer in time; nothing is known about the object."""

    def __init__(self, said: str = "") -> None:
        super().__init__(told(said))


class Spool(Protocol):
    """Bytes on their way in: written once, read back for inspection, then kept under a name or forgotten.

    Leaving the ``with`` block forgets whatever was not kept; so does the death of the process.
    """

    @property
    def file(self) -> BinaryIO:
        """Where the bytes are written to, one after the other, and read again at any place."""

    @property
    def size(self) -> int:
        """Bytes written so far."""


class Readable(Protocol):
    """A stream of an object's bytes; close it."""

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` bytes, fewer only at the end; raises StorageUnavailable."""

    def close(self) -> None:
        """Give back what it holds."""


@dataclass(frozen=True, slots=True)
class ObjectState:
    """What a store tells of an object without reading it."""

    size: int
    put_at: datetime
    """When it was last put, also when it was there already."""


class ObjectStore(Protocol):
    """Immutable objects by name; a name is ``ab/`` and 62 hex digits.

    Every method but :meth:`spool` may raise StorageUnavailable, where the store is not on this machine's disk.
    """

    @property
    def spool_folder(self) -> Path:
        """Where incoming bytes lie on this machine's disk; a store that keeps them there keeps them on the same one."""

    def spool(self) -> AbstractContextManager[Spool]:
        """Room for incoming bytes on this machine's disk."""

    def put(self, name: str, spool: Spool) -> bool:
        """Keep the spooled bytes durably as ``name``; False, and the old bytes stay, when there is such an object."""

    def replace(self, name: str, spool: Spool) -> None:
        """Keep the spooled bytes durably as ``name`` instead of whatever was there; readers see the old ones or the new."""

    def open(self, name: str, start: int = 0, length: int | None = None) -> Readable:
        """The object's bytes from ``start``, ``length`` of them or all; raises FileNotFoundError at once."""

    def stat(self, name: str) -> ObjectState:
        """Size and age; raises FileNotFoundError."""

    def delete(self, name: str) -> None:
        """Forget the object; unknown names are no error."""

    def names(self) -> Iterator[str]:
        """Every object's name, for maintenance; never used while answering a request."""

    def local_path(self, name: str) -> Path | None:
        """Where the object lies on this machine's disk, for sendfile and X-Accel-Redirect; None if nowhere."""

    def sweep_incoming(self, *, older_than: datetime) -> int:
        """Remove what processes that died while they spooled have left; returns how many."""
