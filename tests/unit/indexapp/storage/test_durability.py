"""In which order names and bytes reach the disk: the system calls are what is tested, for no test can cut the power."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from indexapp.storage.filesystem import FilesystemStore
from tests.contract.stores import refuse_unnamed_files
from tests.unit.indexapp.storage.test_filesystem import name_of, put
from tpi_site.kit.keys import files

CONTENT = b"content"
HOME = name_of(CONTENT)[:2]


class Calls(list[str]):
    """What was asked of the kernel, in order: ``fsync file``, ``fsync <folder>``, ``link``, ``rename``, ``mkdir``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        really_fsync, really_mkdir = os.fsync, os.mkdir

        def fsync(descriptor: int) -> None:
            is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
            self.append(f"fsync {Path(f'/proc/self/fd/{descriptor}').readlink().name if is_folder else 'file'}")
            really_fsync(descriptor)

        def mkdir(path: Any, *rest: Any, **more: Any) -> None:
            self.append("mkdir")
            really_mkdir(path, *rest, **more)

        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(os, "mkdir", mkdir)
        for name, call in (("link", "link"), ("rename", "rename"), ("replace", "rename")):
            monkeypatch.setattr(os, name, self._noting(call, getattr(os, name)))

    def _noting(self, what: str, really: Callable[..., Any]) -> Callable[..., Any]:
        def noting(*arguments: Any, **options: Any) -> Any:
            self.append(what)
            return really(*arguments, **options)

        return noting


@pytest.fixture(params=["unnamed files", "named files"])
def store(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> FilesystemStore:
    """A store that has its folders."""
    if request.param == "named files":
        refuse_unnamed_files(monkeypatch)
    store = FilesystemStore(tmp_path)
    put(store, b"first of all")
    return store


def test_the_bytes_come_before_the_name_and_the_name_before_the_answer(
    store: FilesystemStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = Calls(monkeypatch)
    assert put(store, CONTENT)
    assert calls == ["fsync file", "link", f"fsync {HOME}"]


def test_new_bytes_under_an_old_name_come_whole(store: FilesystemStore, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, CONTENT)
    calls = Calls(monkeypatch)
    with store.spool() as spool:
        spool.file.write(CONTENT)
        store.replace(name_of(CONTENT), spool)
    assert calls == ["fsync file", "link", "rename", f"fsync {HOME}"]


def test_a_name_that_is_there_may_be_another_s_that_has_not_reached_the_disk(
    store: FilesystemStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, CONTENT)
    calls = Calls(monkeypatch)
    assert not put(store, CONTENT)
    assert calls == [f"fsync {HOME}"]


def test_so_may_one_that_another_gave_at_the_same_moment(
    store: FilesystemStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, others = os.link, FilesystemStore(store.root)
    put(others, b"so that it has looked for its folders")

    def link(*arguments: Any, **options: Any) -> None:
        monkeypatch.setattr(os, "link", really)
        put(others, CONTENT)
        calls.clear()
        really(*arguments, **options)

    calls = Calls(monkeypatch)
    monkeypatch.setattr(os, "link", link)
    assert not put(store, CONTENT)
    assert calls == [f"fsync {HOME}"]


def test_the_folders_reach_the_disk_before_what_lies_in_them_is_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    store, other = FilesystemStore(root), FilesystemStore(root)
    synced = ["fsync blobs", "fsync root", f"fsync {tmp_path.name}"]
    calls = Calls(monkeypatch)
    put(store, CONTENT)
    assert calls == [*["mkdir"] * 256, *synced, "fsync file", "link", f"fsync {HOME}"]
    calls.clear()
    put(other, CONTENT)
    assert calls == [*synced, f"fsync {HOME}"], "the process that made them may have died in between"
    calls.clear()
    put(other, CONTENT)
    assert calls == [f"fsync {HOME}"]


@pytest.mark.parametrize(
    ("write", "call"), [(files.put_in_place, "rename"), (files.make, "link")], ids=["replaced", "made"]
)
def test_a_file_of_keys_reaches_the_disk_before_anything_is_wrapped_with_them(
    write: Callable[[Path, str], Any], call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    calls = Calls(monkeypatch)
    write(tmp_path / "here" / "keys", "text")
    assert [name for name in calls if name != "mkdir"] == ["fsync file", call, "fsync here"]
    assert (tmp_path / "here" / "keys").read_text() == "text"
