from __future__ import annotations

import errno
import hashlib
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from indexapp.storage import storage_for
from indexapp.storage.filesystem import FilesystemStorage


def name_of(content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    return f"{digest[:2]}/{digest[2:]}"


def put(storage: FilesystemStorage, content: bytes) -> bool:
    with storage.spool() as spool:
        spool.file.write(content)
        return storage.put(name_of(content), spool)


def files_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def storage(tmp_path: Path) -> FilesystemStorage:
    return FilesystemStorage(tmp_path)


@pytest.fixture
def named_spools(storage: FilesystemStorage, monkeypatch: pytest.MonkeyPatch) -> FilesystemStorage:
    """A file system without unnamed files, such as an old network mount."""
    really_open = os.open

    def refuse_unnamed(path: object, flags: int, *arguments: int) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "no unnamed files here")
        return really_open(path, flags, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refuse_unnamed)
    return storage


BOTH_KINDS = pytest.mark.parametrize("kind", ["storage", "named_spools"])


@BOTH_KINDS
def test_what_is_put_is_read_back_whole_and_in_parts(kind: str, request: pytest.FixtureRequest) -> None:
    storage: FilesystemStorage = request.getfixturevalue(kind)
    content = os.urandom(300_000)
    assert put(storage, content)
    name = name_of(content)
    assert storage.exists(name)
    assert storage.size(name) == len(content)
    assert b"".join(storage.read(name)) == content
    assert b"".join(storage.read(name, 299_990)) == content[-10:]
    assert b"".join(storage.read(name, 5, 10)) == content[5:15]
    assert b"".join(storage.read(name, 299_990, 1_000)) == content[-10:]
    path = storage.local_path(name)
    assert path is not None
    assert path.read_bytes() == content


@BOTH_KINDS
def test_putting_twice_is_putting_once(kind: str, request: pytest.FixtureRequest) -> None:
    storage: FilesystemStorage = request.getfixturevalue(kind)
    assert put(storage, b"same") is True
    assert put(storage, b"same") is False
    assert list(storage.names()) == [name_of(b"same")]


@BOTH_KINDS
def test_what_is_not_put_leaves_nothing(kind: str, request: pytest.FixtureRequest) -> None:
    storage: FilesystemStorage = request.getfixturevalue(kind)
    with storage.spool() as spool:
        spool.file.write(b"never kept")
    with pytest.raises(ZeroDivisionError), storage.spool() as spool:
        spool.file.write(b"never kept")
        raise ZeroDivisionError
    assert files_below(storage.root) == []


def test_incoming_bytes_have_no_name(storage: FilesystemStorage) -> None:
    with storage.spool() as spool:
        spool.file.write(b"arriving")
        assert spool.size == 8
        assert files_below(storage.root) == []


def test_named_spools_of_a_dead_process_are_swept(named_spools: FilesystemStorage) -> None:
    (named_spools.root / "tmp" / "leftover").write_bytes(b"half")
    assert named_spools.sweep_incoming(older_than=datetime.now(UTC) - timedelta(hours=1)) == 0
    assert named_spools.sweep_incoming(older_than=datetime.now(UTC) + timedelta(hours=1)) == 1
    assert files_below(named_spools.root) == []


def test_only_the_owner_may_read(storage: FilesystemStorage) -> None:
    put(storage, b"secret")
    for path in storage.root.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode & 0o077 == 0, path


def test_putting_again_makes_a_blob_young(storage: FilesystemStorage) -> None:
    put(storage, b"old")
    name = name_of(b"old")
    past = datetime.now(UTC) - timedelta(days=3)
    path = storage.local_path(name)
    assert path is not None
    os.utime(path, (past.timestamp(), past.timestamp()))
    assert storage.put_at(name) < datetime.now(UTC) - timedelta(days=2)
    put(storage, b"old")
    assert storage.put_at(name) > datetime.now(UTC) - timedelta(hours=1)


def test_forgetting_is_no_error_where_nothing_is(storage: FilesystemStorage) -> None:
    put(storage, b"x")
    storage.delete(name_of(b"x"))
    storage.delete(name_of(b"x"))
    assert not storage.exists(name_of(b"x"))


@pytest.mark.parametrize("ask", ["read", "size", "put_at"])
def test_missing_blobs_are_said_at_once(storage: FilesystemStorage, ask: str) -> None:
    question: Callable[[str], object] = getattr(storage, ask)
    with pytest.raises(FileNotFoundError):
        question(name_of(b"nowhere"))


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "ab/cd", "AB/" + "0" * 62, "ab/" + "0" * 62 + "\n"])
def test_names_that_are_none_reach_no_file(storage: FilesystemStorage, name: str) -> None:
    with pytest.raises(ValueError) as caught:
        storage.exists(name)
    assert caught.value.args == (name,)


def test_files_that_are_no_blobs_are_passed_over(storage: FilesystemStorage) -> None:
    put(storage, b"x")
    (storage.root / "blobs" / "ab" / "cd").mkdir(parents=True)
    (storage.root / "blobs" / "ab" / "cd" / "lost+found").write_bytes(b"")
    assert list(storage.names()) == [name_of(b"x")]


_FULL_DISK = """
import resource, sys
from pathlib import Path
from indexapp.storage.filesystem import FilesystemStorage
storage = FilesystemStorage(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
with storage.spool() as spool:
    try:
        spool.file.write(b"x" * 1500)
    except OSError as error:
        print("refused", error.errno)
    else:
        print("taken", spool.size)
"""


def test_a_write_that_only_fits_in_part_is_an_error(tmp_path: Path) -> None:
    """The kernel takes what fits and says so; whoever does not look stores half a file under the whole one's digest."""
    done = subprocess.run(
        [sys.executable, "-c", _FULL_DISK, str(tmp_path)], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )
    assert done.stdout.split() == ["refused", str(errno.EFBIG)]


def test_a_storage_is_named_by_url(tmp_path: Path) -> None:
    folder = tmp_path / "with space"
    storage = storage_for(f"file://{str(folder).replace(' ', '%20')}")
    assert isinstance(storage, FilesystemStorage)
    assert storage.root == folder
    for url in ("ftp://tpi.example/x", "file://host/x", "file:relative", ""):
        with pytest.raises(ImproperlyConfigured):
            storage_for(url)
