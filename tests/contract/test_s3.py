"""What only a bucket can do or suffer, against a real S3 server."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from indexapp.storage import BlobStorage
from indexapp.storage.addresses import store_for
from indexapp.storage.protocol import StorageUnavailable
from indexapp.storage.s3 import S3Store
from tests.contract.stores import SMALLEST_PART
from tests.contract.test_object_stores import name_of, put, read
from tests.servers.ceph import Ceph
from tests.servers.ports import wait_until

pytestmark = pytest.mark.xdist_group("ceph")

NAME = name_of(b"content")
QUICK = {"connect_timeout": "2", "read_timeout": "2", "attempts": "1"}
MIB = 2**20


@pytest.fixture
def bucket(ceph: Ceph) -> str:
    return ceph.bucket()


@pytest.fixture
def store(ceph: Ceph, bucket: str, tmp_path: Path) -> S3Store:
    return _store(ceph.address(bucket), tmp_path)


@pytest.fixture
def quick(ceph: Ceph, bucket: str, tmp_path: Path) -> S3Store:
    """The same bucket with short time-outs."""
    return _store(ceph.address(bucket, **QUICK), tmp_path)


def _store(address: str, spools: Path) -> S3Store:
    store = store_for(address, spools / "tmp")
    assert isinstance(store, S3Store)
    return store


def _in_parts(store: S3Store, spools: Path) -> S3Store:
    return S3Store(store.storage, spools / "tmp", whole=MIB, part=SMALLEST_PART)


def _questions(store: S3Store) -> dict[str, Callable[[], object]]:
    return {
        "put": lambda: put(store, b"content"),
        "open": lambda: store.open(NAME),
        "range": lambda: store.open(NAME, 1, 2),
        "stat": lambda: store.stat(NAME),
        "delete": lambda: store.delete(NAME),
        "names": lambda: list(store.names()),
        "sweep": lambda: store.sweep_incoming(older_than=datetime.now(UTC)),
    }


def _require_unavailable(store: S3Store) -> None:
    """Every question ends as 'nothing is known', never as 'there is no such object'."""
    for name, question in _questions(store).items():
        with pytest.raises(StorageUnavailable):
            question()
            pytest.fail(name)


def _requests(store: S3Store) -> list[str]:
    """Every request that the store sends from now on."""
    sent: list[str] = []
    store.storage.connection.meta.client.meta.events.register(
        "before-send.s3", lambda request, **_: sent.append(f"{request.method} {request.headers.get('Range', b'')!r}")
    )
    return sent


def test_an_object_of_several_parts_is_read_back(store: S3Store, tmp_path: Path) -> None:
    content = os.urandom(2 * SMALLEST_PART + 77)
    parted = _in_parts(store, tmp_path)
    assert put(parted, content) is True
    assert put(parted, content) is False
    name = name_of(content)
    assert parted.stat(name).size == len(content)
    stream = parted.open(name, SMALLEST_PART - 5, 10)
    assert stream.read(10) == content[SMALLEST_PART - 5 : SMALLEST_PART + 5]
    stream.close()
    digest = hashlib.sha256()
    stream = parted.open(name)
    while piece := stream.read(MIB):
        digest.update(piece)
    assert digest.hexdigest() == name.replace("/", "")


class _Counted:
    """A spool's file, and the most that was read of it at once."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.largest = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int = -1) -> bytes:
        piece: bytes = self._file.read(size)
        self.largest = max(self.largest, len(piece))
        return piece


def test_no_part_is_held_in_memory(store: S3Store, tmp_path: Path) -> None:
    content = os.urandom(2 * SMALLEST_PART + 77)
    parted, name = _in_parts(store, tmp_path), name_of(content)
    with parted.spool() as spool:
        spool.file.write(content)
        counted = spool.file = _Counted(spool.file)  # type: ignore[assignment]  # as a file as the other
        assert parted.put(name, spool)
    assert 0 < counted.largest <= MIB, "the pieces in which its digest is taken for the signature"
    assert read(store, name) == content


def test_parts_that_were_begun_and_left_are_swept(store: S3Store, ceph: Ceph, bucket: str) -> None:
    client = ceph.client()
    upload = client.create_multipart_upload(Bucket=bucket, Key=f"files/{NAME}")["UploadId"]
    client.upload_part(Bucket=bucket, Key=f"files/{NAME}", UploadId=upload, PartNumber=1, Body=b"left")
    assert store.sweep_incoming(older_than=datetime.now(UTC) - timedelta(hours=1)) == 0
    assert store.sweep_incoming(older_than=datetime.now(UTC) + timedelta(hours=1)) == 1
    assert "Uploads" not in client.list_multipart_uploads(Bucket=bucket)


def test_a_server_that_goes_away_between_the_parts_leaves_no_object(
    store: S3Store, quick: S3Store, ceph: Ceph, tmp_path: Path
) -> None:
    parted = _in_parts(quick, tmp_path)
    parts: list[int] = []

    def pause_after_the_first(**_: Any) -> None:
        parts.append(1)
        if len(parts) == 2:
            ceph.pause()

    quick.storage.connection.meta.client.meta.events.register("before-send.s3.UploadPart", pause_after_the_first)
    content = os.urandom(2 * SMALLEST_PART + 1)
    with pytest.raises(StorageUnavailable):
        put(parted, content)
    ceph.resume()
    assert len(parts) == 2
    with pytest.raises(FileNotFoundError):
        store.stat(name_of(content))
    assert put(_in_parts(store, tmp_path), content) is True


def test_two_who_send_parts_of_one_name_at_once_leave_one_whole_object(store: S3Store, tmp_path: Path) -> None:
    parted, contents = _in_parts(store, tmp_path), [bytes([number]) * (2 * MIB) for number in range(4)]
    threads = [threading.Thread(target=put, args=[parted, content, NAME]) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stream = parted.open(NAME)
    found = b""
    while piece := stream.read(MIB):
        found += piece
    assert found in contents


@pytest.mark.parametrize(("start", "length"), [(0, None), (5, 10), (0, 10), (100, None)])
def test_a_range_costs_one_request(store: S3Store, start: int, length: int | None) -> None:
    put(store, b"content" * 1000, NAME)
    sent = _requests(store)
    read(store, NAME, start, length)
    assert len(sent) == 1
    assert sent[0].startswith("GET")
    assert ("bytes=" in sent[0]) == bool(start or length)


@pytest.mark.parametrize("is_sealed", [True, False])
def test_a_range_of_a_content_costs_one_request(store: S3Store, is_sealed: bool, settings: Any, tmp_path: Path) -> None:
    settings.TPI_KEYRING = f"file:{tmp_path / 'ring.json'}"
    storage, content = BlobStorage(store, encrypting=is_sealed), os.urandom(1_000_000)
    with storage.spool() as spool:
        spool.file.write(content)
        blob = storage.put(hashlib.sha256(content).hexdigest(), spool).blob
    sent = _requests(store)
    assert b"".join(storage.read(blob, 900_000, 65_536)) == content[900_000:965_536]
    assert len(sent) == 1


def test_putting_costs_one_request(store: S3Store) -> None:
    sent = _requests(store)
    assert put(store, b"content") is True
    assert put(store, b"content") is False
    assert [line.split()[0] for line in sent] == ["PUT", "PUT"]


def test_a_bucket_that_is_not_there_is_no_missing_object(ceph: Ceph, tmp_path: Path) -> None:
    _require_unavailable(_store(ceph.address(f"none-{uuid.uuid4().hex[:8]}", **QUICK), tmp_path))


@pytest.mark.parametrize("variable", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_wrong_credentials_are_no_missing_object(
    ceph: Ceph, bucket: str, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "wrong")
    _require_unavailable(_store(ceph.address(bucket, **QUICK), tmp_path))


def test_the_breaker_opens_for_a_stopped_server_and_closes_again(
    quick: S3Store, ceph: Ceph, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, now = quick, 1000.0
    monkeypatch.setattr(store.breaker, "_clock", lambda: now)
    put(store, b"content")
    ceph.stop()
    sent = _requests(store)
    _require_unavailable(store)
    assert len(sent) == 5
    ceph.restart()
    with pytest.raises(StorageUnavailable, match="It is not asked for"):
        store.stat(NAME)
    now += 11
    assert read(store, NAME) == b"content"
    assert put(store, b"content") is False


def test_a_paused_server_is_given_up_in_time_and_works_again_by_itself(
    store: S3Store, quick: S3Store, ceph: Ceph
) -> None:
    put(store, b"content")
    ceph.pause()
    for question in [*_questions(quick).values()][:3]:
        with pytest.raises(StorageUnavailable, match=r"timed? ?out|timeout"):
            question()
    ceph.resume()
    wait_until(lambda: _answers(quick), 30, lambda: "it does not answer again")
    assert read(store, NAME) == b"content"


def _answers(store: S3Store) -> bool:
    try:
        return store.stat(NAME).size == len(b"content")
    except StorageUnavailable:
        return False


def test_a_server_that_pauses_within_an_answer_breaks_it_off(store: S3Store, quick: S3Store, ceph: Ceph) -> None:
    put(store, bytes(40 * MIB), NAME)  # more than the kernel's buffers hold
    stream = quick.open(NAME)
    assert stream.read(10) == bytes(10)
    ceph.pause()
    with pytest.raises(StorageUnavailable):
        while stream.read(MIB):
            pass
    stream.close()


_BIG = """
import hashlib, os, resource, sys
from pathlib import Path
os.environ["DJANGO_SETTINGS_MODULE"] = "tpi_site.settings.test"
import django
django.setup()
from indexapp.storage.addresses import store_for

def memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

store = store_for(sys.argv[1], Path(sys.argv[2]))
piece, digest = os.urandom(2**20), hashlib.sha256()
name = "ab/" + "0" * 62
with store.spool() as spool:
    spool.file.write(b"warm")
    store.put("cd/" + "0" * 62, spool)
before = memory()
with store.spool() as spool:
    for number in range(160):
        spool.file.write(piece)
        digest.update(piece)
    assert store.put(name, spool)
found, stream = hashlib.sha256(), store.open(name)
while piece := stream.read(2**18):
    found.update(piece)
assert found.hexdigest() == digest.hexdigest()
assert store.stat(name).size == 160 * 2**20
print(memory() - before)
"""


def test_a_big_object_takes_no_more_memory_than_a_part(ceph: Ceph, bucket: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", _BIG, ceph.address(bucket), str(tmp_path / "tmp")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 80  # MiB, of which a part is 32; the object has 160


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"secret": "x"}, "and not secret"),
        ({"read_timeout": "soon"}, "read_timeout"),
        ({"attempts": "0"}, "attempts"),
    ],
)
def test_options_that_are_none_are_said(options: dict[str, str], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match=sentence):
        store_for("s3://bucket/files?" + "&".join(f"{key}={value}" for key, value in options.items()), tmp_path)
