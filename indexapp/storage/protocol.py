"""What the product asks of a place that keeps bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol


class Spool(Protocol):
    """Bytes on their way in: written once, read back for inspection, then kept under a name or forgotten.

    Leaving the ``with`` block forgets whatever was not kept; so does the death of the process.
    """

    file: BinaryIO

    @property
    def size(self) -> int:
        """Bytes written so far."""


class BlobStorage(Protocol):
    """Content-addressed, immutable blobs.

    ``name`` is what :meth:`object_name` gives for a content; putting the same name twice is the same as once.
    """

    def object_name(self, sha256: str) -> str:
        """The name under which content with this digest (64 hex digits) is kept."""

    def spool(self) -> AbstractContextManager[Spool]:
        """Room for incoming bytes on the storage's own disk."""

    def put(self, name: str, spool: Spool) -> bool:
        """Keep the spooled bytes durably as ``name``; True when they were not there before."""

    def exists(self, name: str) -> bool:
        """Whether a blob of this name is kept."""

    def size(self, name: str) -> int:
        """Bytes of the blob; raises FileNotFoundError."""

    def read(self, name: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The blob's bytes from ``start``, ``length`` of them or all, in pieces; raises FileNotFoundError at once."""

    def local_path(self, name: str) -> Path | None:
        """Where the plain bytes lie on this machine's disk, for sendfile and X-Accel-Redirect; None if nowhere."""

    def delete(self, name: str) -> None:
        """Forget the blob; unknown names are no error."""

    def put_at(self, name: str) -> datetime:
        """When the blob was last put, also when it was there already; raises FileNotFoundError."""

    def names(self) -> Iterator[str]:
        """Every blob's name, for maintenance; never used while answering a request."""

    def sweep_incoming(self, *, older_than: datetime) -> int:
        """Remove what processes that died while they spooled have left; returns how many."""
