from __future__ import annotations

import errno
import hashlib
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from indexapp.storage.addresses import store_for
from indexapp.storage.filesystem import FilesystemStore
from tests.contract.stores import refuse_unnamed_files


def name_of(content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    return f"{digest[:2]}/{digest[2:]}"


def put(storage: FilesystemStore, content: bytes) -> bool:
    with storage.spool() as spool:
        spool.file.write(content)
        return storage.put(name_of(content), spool)


def files_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def storage(tmp_path: Path) -> FilesystemStore:
    return FilesystemStore(tmp_path)


@pytest.fixture
def named_spools(storage: FilesystemStore, monkeypatch: pytest.MonkeyPatch) -> FilesystemStore:
    refuse_unnamed_files(monkeypatch)
    return storage


BOTH_KINDS = pytest.mark.parametrize("kind", ["storage", "named_spools"])


@BOTH_KINDS
def test_what_is_not_put_leaves_nothing(kind: str, request: pytest.FixtureRequest) -> None:
    storage: FilesystemStore = request.getfixturevalue(kind)
    with storage.spool() as spool:
        spool.file.write(b"never kept")
    with pytest.raises(ZeroDivisionError), storage.spool() as spool:
        spool.file.write(b"never kept")
        raise ZeroDivisionError
    assert files_below(storage.root) == []


def test_incoming_bytes_have_no_name(storage: FilesystemStore) -> None:
    with storage.spool() as spool:
        spool.file.write(b"arriving")
        assert spool.size == 8
        assert files_below(storage.root) == []


def test_named_spools_of_a_dead_process_are_swept(named_spools: FilesystemStore) -> None:
    (named_spools.root / "tmp" / "leftover").write_bytes(b"half")
    assert named_spools.sweep_incoming(older_than=datetime.now(UTC) - timedelta(hours=1)) == 0
    assert named_spools.sweep_incoming(older_than=datetime.now(UTC) + timedelta(hours=1)) == 1
    assert files_below(named_spools.root) == []


def test_only_the_owner_may_read(storage: FilesystemStore) -> None:
    put(storage, b"secret")
    for path in storage.root.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode & 0o077 == 0, path


def test_putting_again_makes_a_blob_young(storage: FilesystemStore) -> None:
    put(storage, b"old")
    name = name_of(b"old")
    past = datetime.now(UTC) - timedelta(days=3)
    path = storage.local_path(name)
    assert path is not None
    os.utime(path, (past.timestamp(), past.timestamp()))
    assert storage.stat(name).put_at < datetime.now(UTC) - timedelta(days=2)
    put(storage, b"old")
    assert storage.stat(name).put_at > datetime.now(UTC) - timedelta(hours=1)


def test_files_that_are_no_blobs_are_passed_over(storage: FilesystemStore) -> None:
    put(storage, b"x")
    (storage.root / "blobs" / "ab" / "cd").mkdir(parents=True)
    (storage.root / "blobs" / "ab" / "cd" / "lost+found").write_bytes(b"")
    assert list(storage.names()) == [name_of(b"x")]


_FULL_DISK = """
import resource, sys
from pathlib import Path
from indexapp.storage.filesystem import FilesystemStore
storage = FilesystemStore(Path(sys.argv[1]))
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
    storage = store_for(f"file://{str(folder).replace(' ', '%20')}", tmp_path)
    assert isinstance(storage, FilesystemStore)
    assert storage.root == folder
    for url in ("ftp://tpi.example/x", "file://host/x", "file:relative", ""):
        with pytest.raises(ImproperlyConfigured):
            store_for(url, tmp_path)
