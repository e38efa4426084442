"""Objects in this process's memory: the twin that tests and trials use; nothing outlives the process."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from indexapp.storage.names import required
from indexapp.storage.protocol import ObjectState, Readable, Spool
from indexapp.storage.spooling import DiskSpool, SpoolFolder


@dataclass(frozen=True, slots=True)
class _Kept:
    content: bytes
    put_at: datetime


class MemoryStore:
    """See :class:`~indexapp.storage.protocol.ObjectStore`."""

    def __init__(self, spools: Path) -> None:
        self._incoming = SpoolFolder(spools)
        self._objects: dict[str, _Kept] = {}
        self._lock = Lock()

    @property
    def spool_folder(self) -> Path:
        """See the protocol."""
        return self._incoming.folder

    def spool(self) -> AbstractContextManager[DiskSpool]:
        """See the protocol."""
        return self._incoming.spool()

    def put(self, name: str, spool: Spool) -> bool:
        """See the protocol."""
        content = _content(spool)
        with self._lock:
            old = self._objects.get(required(name))
            self._objects[name] = _Kept(content if old is None else old.content, datetime.now(UTC))
            return old is None

    def replace(self, name: str, spool: Spool) -> None:
        """See the protocol."""
        self._objects[required(name)] = _Kept(_content(spool), datetime.now(UTC))

    def open(self, name: str, start: int = 0, length: int | None = None) -> Readable:
        """See the protocol."""
        content = self._kept(name).content
        return io.BytesIO(content[start : None if length is None else start + length])

    def stat(self, name: str) -> ObjectState:
        """See the protocol."""
        kept = self._kept(name)
        return ObjectState(len(kept.content), kept.put_at)

    def _kept(self, name: str) -> _Kept:
        kept = self._objects.get(required(name))
        if kept is None:
            raise FileNotFoundError(name)
        return kept

    def delete(self, name: str) -> None:
        """See the protocol."""
        self._objects.pop(required(name), None)

    def names(self) -> Iterator[str]:
        """See the protocol."""
        return iter(list(self._objects))

    def local_path(self, name: str) -> Path | None:
        """See the protocol: nowhere."""
        del name
        return None

    def sweep_incoming(self, *, older_than: datetime) -> int:
        """See the protocol."""
        return self._incoming.sweep(older_than=older_than)


def _content(spool: Spool) -> bytes:
    spool.file.seek(0)
    return spool.file.read()
