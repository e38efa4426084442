"""The object stores that the contract is held against."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from indexapp.storage.filesystem import FilesystemStore
from indexapp.storage.memory import MemoryStore
from indexapp.storage.protocol import ObjectStore


def _disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    return FilesystemStore(folder)


def refuse_unnamed_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this a file system without unnamed files, such as an old network mount."""
    really_open = os.open

    def refuse_unnamed(path: object, flags: int, *arguments: int) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "no unnamed files here")
        return really_open(path, flags, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refuse_unnamed)


def _disk_of_names(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    refuse_unnamed_files(monkeypatch)
    return FilesystemStore(folder)


def _memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    return MemoryStore(folder / "tmp")


STORES: dict[str, Callable[[Path, pytest.MonkeyPatch], ObjectStore]] = {
    "disk": _disk,
    "disk without unnamed files": _disk_of_names,
    "memory": _memory,
}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """Each of the stores, empty."""
    return STORES[request.param](tmp_path, monkeypatch)
