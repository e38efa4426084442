"""The object stores that the contract is held against."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage

from indexapp.storage.addresses import store_for
from indexapp.storage.django_backend import DjangoStore
from indexapp.storage.filesystem import FilesystemStore
from indexapp.storage.memory import MemoryStore
from indexapp.storage.protocol import ObjectStore
from indexapp.storage.s3 import S3Store
from tests.servers.ceph import Ceph

SMALLEST_PART = 5 * 2**20


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


def _django(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    return DjangoStore(FileSystemStorage(location=folder / "media"), folder / "tmp")


STORES: dict[str, Callable[[Path, pytest.MonkeyPatch], ObjectStore]] = {
    "disk": _disk,
    "disk without unnamed files": _disk_of_names,
    "memory": _memory,
    "Django's folder": _django,
}
ON_S3 = ("S3", "S3 in parts", "django-storages")
"""Stores that lie in a bucket of a real server: ours, ours with parts as small as S3 takes them, and any library's."""
WHERE_THE_LAST_WINS = {"S3 in parts", "django-storages"}
"""Where two who put one name at once may both be told that they were first."""


@lru_cache
def _store_at(address: str, spools: Path) -> ObjectStore:
    """Made once: boto3 takes a tenth of a second to make a client."""
    return store_for(address, spools)


@lru_cache
def _bucket(ceph: Ceph) -> str:
    return ceph.bucket()


def _on_s3(kind: str, ceph: Ceph, spools: Path) -> ObjectStore:
    """One store for all tests, in a folder of the bucket that no other test uses."""
    bucket = _bucket(ceph)
    if kind == "django-storages":
        options = ceph.address(bucket, bucket_name=bucket).partition("?")[2]
        generic = _store_at(f"storages.backends.s3.S3Storage?{options}", spools)
        assert isinstance(generic, DjangoStore)
        generic.storage.location = uuid.uuid4().hex  # type: ignore[attr-defined]
        return generic
    store = _store_at(ceph.address(bucket), spools)
    assert isinstance(store, S3Store)
    store.storage.location = uuid.uuid4().hex
    if kind == "S3 in parts":
        return S3Store(store.storage, spools, whole=1000, part=SMALLEST_PART)
    return S3Store(store.storage, spools)


def kinds(*on_s3: str) -> list[Any]:
    """The stores of this machine, and some of those on S3, as parameters."""
    return [*STORES, *(pytest.param(kind, marks=pytest.mark.xdist_group("ceph")) for kind in on_s3)]


def made(request: pytest.FixtureRequest) -> ObjectStore:
    """The store that the parameter names, empty."""
    if request.param in ON_S3:
        spools = request.getfixturevalue("tmp_path_factory").getbasetemp() / "spools"
        return _on_s3(request.param, request.getfixturevalue("ceph"), spools)
    return STORES[request.param](request.getfixturevalue("tmp_path"), request.getfixturevalue("monkeypatch"))


@pytest.fixture(params=kinds(*ON_S3))
def store(request: pytest.FixtureRequest) -> ObjectStore:
    """Each of the stores, empty."""
    return made(request)


@pytest.fixture
def the_first_wins(request: pytest.FixtureRequest, store: ObjectStore) -> bool:
    """Whether the store promises that only one of many who put a name at once is told that it was new."""
    return request.node.callspec.params["store"] not in WHERE_THE_LAST_WINS
