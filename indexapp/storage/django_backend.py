"""Objects in any storage that Django or django-storages knows, named by its dotted path.

Such a storage has no put that fails where something is; who comes second is found by the name that it is given instead, and
of two who come at once one may write over the other.  That harms nobody: both bring the same content, and a sealed object says
in its head which key opens it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.files import File
from django.core.files.storage import Storage

from indexapp.storage.filesystem import Limited
from indexapp.storage.names import is_name, required
from indexapp.storage.protocol import ObjectState, Readable, Spool, StorageUnavailable
from indexapp.storage.spooling import DiskSpool, SpoolFolder


class DjangoStore:
    """See :class:`~indexapp.storage.protocol.ObjectStore`."""

    def __init__(self, storage: Storage, spools: Path) -> None:
        self.storage = storage
        self._incoming = SpoolFolder(spools)

    @property
    def spool_folder(self) -> Path:
        """See the protocol."""
        return self._incoming.folder

    def spool(self) -> AbstractContextManager[DiskSpool]:
        """See the protocol."""
        return self._incoming.spool()

    def put(self, name: str, spool: Spool) -> bool:
        """See the protocol."""
        if self._ask("exists", required(name)):
            return False
        spool.file.seek(0)
        given = self._ask("save", name, _Unclosed(spool.file))
        if given == name:
            return True
        self._ask("delete", given)  # somebody was quicker, and the storage chose another name
        return False

    def replace(self, name: str, spool: Spool) -> None:
        """See the protocol, as far as the storage lets: there may be a moment without the object."""
        self.delete(name)
        self.put(name, spool)

    def open(self, name: str, start: int = 0, length: int | None = None) -> Readable:
        """See the protocol."""
        file: Readable = self._opened(name)
        if start:
            file.seek(start)  # type: ignore[attr-defined]
        return file if length is None else Limited(file, length)

    def _opened(self, name: str) -> Any:
        if not self._ask("exists", required(name)):
            raise FileNotFoundError(name)
        return self._ask("open", name, "rb")

    def stat(self, name: str) -> ObjectState:
        """See the protocol."""
        if not self._ask("exists", required(name)):
            raise FileNotFoundError(name)
        return ObjectState(self._ask("size", name), self._ask("get_modified_time", name))

    def delete(self, name: str) -> None:
        """See the protocol."""
        with suppress(FileNotFoundError):
            self._ask("delete", required(name))

    def names(self) -> Iterator[str]:
        """See the protocol."""
        try:
            folders, _ = self._ask("listdir", "")
        except FileNotFoundError:  # nothing was ever put
            return
        for folder in folders:
            _, files = self._ask("listdir", folder)
            for file in files:
                if is_name(name := f"{folder}/{file}"):
                    yield name

    def local_path(self, name: str) -> Path | None:
        """See the protocol: nowhere that is known."""
        del name
        return None

    def sweep_incoming(self, *, older_than: datetime) -> int:
        """See the protocol."""
        return self._incoming.sweep(older_than=older_than)

    def _ask(self, method: str, *arguments: Any) -> Any:
        """What the storage answers; its library's own errors, whatever they are, mean that nothing is known."""
        try:
            return getattr(self.storage, method)(*arguments)
        except FileNotFoundError:
            raise
        except Exception as error:
            raise StorageUnavailable(f"{type(error).__name__}: {error}") from error


class _Unclosed(File):  # type: ignore[type-arg]
    """A spool's file, which the storage may not close: it may be put once more."""

    def close(self) -> None:
        """Leave it open."""
