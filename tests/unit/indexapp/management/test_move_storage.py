"""``manage.py move_storage`` from the disk to a real S3 server and back."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Alarm
from indexapp.models import Blob
from indexapp.services import blobs, moving
from indexapp.services.integrity import checking
from indexapp.storage import BlobStorage, default_storage, forget_default
from indexapp.storage.addresses import store_for
from tests.factories.people import SYSTEM
from tests.servers.ceph import Ceph

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("ceph")]

CONTENTS = [b"", b"one", b"two" * 100_000, b"three" * 7]


@pytest.fixture(autouse=True, params=[True, False], ids=["sealed", "plain"])
def _filled(request: pytest.FixtureRequest, settings: Any, tmp_path: Path) -> None:
    settings.TPI_ENCRYPT = request.param
    settings.TPI_DATA_DIR = tmp_path
    settings.TPI_KEYRING = f"file:{tmp_path / 'ring.json'}"
    for content in CONTENTS:
        _store(content)


@pytest.fixture
def bucket(ceph: Ceph) -> str:
    return ceph.address(ceph.bucket())


def _store(content: bytes) -> Blob:
    sha256 = hashlib.sha256(content).hexdigest()
    with default_storage().spool() as spool:
        spool.file.write(content)
        [key] = blobs.claim(blobs.store(sha256, spool)).values()
    return Blob.objects.get(pk=key)


def _move(*arguments: str) -> str:
    out = io.StringIO()
    call_command("move_storage", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def _contents(address: str, spools: Path) -> list[bytes]:
    storage = BlobStorage(store_for(address, spools / "tmp"), encrypting=True)
    return [b"".join(storage.read(blob.place)) for blob in Blob.objects.order_by("pk")]


def test_all_is_copied_there_and_back(bucket: str, tmp_path: Path) -> None:
    said = _move(bucket)
    assert said.startswith("Copied 4 files")
    assert f"TPI_STORAGE_URL={bucket}" in said
    assert _contents(bucket, tmp_path) == CONTENTS
    back = f"file://{tmp_path / 'back'}"
    assert _move(back, "--from", bucket).startswith("Copied 4 files")
    assert _contents(back, tmp_path) == CONTENTS
    for blob in Blob.objects.all():
        lies = default_storage().objects.local_path(blob.object_name)
        copy = store_for(back, tmp_path).local_path(blob.object_name)
        assert lies is not None
        assert copy is not None
        assert copy.read_bytes() == lies.read_bytes()


def test_a_second_run_brings_what_came_meanwhile(bucket: str, tmp_path: Path) -> None:
    _move(bucket)
    _store(b"late")
    assert _move(bucket).startswith("Copied 1 files")
    assert _contents(bucket, tmp_path) == [*CONTENTS, b"late"]
    assert "Copied 0 files (0 bytes); 5 were there already." in _move(bucket)


def test_what_was_missing_between_the_two_runs_is_served_again(tmp_path: Path, settings: Any) -> None:
    old, new = settings.TPI_STORAGE_URL, f"file://{tmp_path / 'new'}"
    _move(new)
    late, lost = _store(b"late"), _store(b"lost")
    settings.TPI_STORAGE_URL = new
    forget_default()
    for blob in (late, lost):  # as somebody's asking for it makes a job do
        assert checking.check_one(actor=SYSTEM, sha256=blob.sha256) is not None
    assert Blob.objects.filter(damaged_at__isnull=False).count() == 2
    store_for(old, tmp_path).delete(lost.object_name)
    out = io.StringIO()
    with pytest.raises(CommandError, match=rf"1 files are missing or damaged(.|\n)*{lost.object_name}"):
        call_command("move_storage", new, "--from", old, stdout=out, stderr=io.StringIO())
    assert "1 files that had been held back" in out.getvalue()
    assert list(Blob.objects.filter(damaged_at__isnull=False)) == [lost]
    assert Alarm.objects.filter(code="blob-damaged", ended_at=None).exists()
    assert b"".join(default_storage().read(late.place)) == b"late"


def test_a_copy_that_was_broken_off_goes_on(bucket: str, tmp_path: Path) -> None:
    def break_off(progress: moving.Progress) -> None:
        if progress.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        moving.copy_all(
            default_storage().objects, store_for(bucket, tmp_path / "tmp"), is_rehearsal=False, report=break_off
        )
    assert "2 were there already" in _move(bucket)
    assert _contents(bucket, tmp_path) == CONTENTS


def test_an_object_that_was_cut_off_at_the_target_is_sent_again(bucket: str, tmp_path: Path) -> None:
    target, blob = store_for(bucket, tmp_path / "tmp"), Blob.objects.get(size=3)
    with target.spool() as spool:
        spool.file.write(b"x")
        target.put(blob.object_name, spool)
    assert _move(bucket).startswith("Copied 4 files")
    assert _contents(bucket, tmp_path) == CONTENTS


def test_a_rehearsal_sends_nothing(bucket: str, tmp_path: Path) -> None:
    assert _move(bucket, "--dry-run").startswith("Would copy 4 files")
    assert list(store_for(bucket, tmp_path / "tmp").names()) == []


def test_a_damaged_file_is_named_and_not_copied(bucket: str, tmp_path: Path) -> None:
    blob = Blob.objects.get(size=3)
    lies = default_storage().objects.local_path(blob.object_name)
    assert lies is not None
    damaged = bytearray(lies.read_bytes())
    damaged[0] ^= 1
    lies.write_bytes(damaged)
    with pytest.raises(CommandError, match=rf"1 files are missing or damaged(.|\n)*{blob.object_name}"):
        _move(bucket)
    assert len(list(store_for(bucket, tmp_path / "tmp").names())) == 3


def test_a_server_that_is_away_is_said(bucket: str, ceph: Ceph) -> None:
    ceph.stop()
    with pytest.raises(CommandError, match="run the same command again"):
        _move(bucket)


def test_a_place_that_is_the_same_or_none_is_refused(settings: Any) -> None:
    with pytest.raises(CommandError, match="the same"):
        _move(settings.TPI_STORAGE_URL)
    with pytest.raises(CommandError, match=r"^The address to move to must be"):
        _move("ftp://nowhere")
    with pytest.raises(CommandError, match=r"^--from must be"):
        _move("file:///somewhere", "--from", "ftp://nowhere")
    with pytest.raises(CommandError, match=r"^--from: there is no folder 'blobs' at /nowhere\.$"):
        _move("file:///somewhere", "--from", "/nowhere")
    with pytest.raises(CommandError, match=r"^There can be no files at file:///proc/x/y: No such file or directory\.$"):
        _move("file:///proc/x/y")


def test_folders_are_given_by_their_paths_too(settings: Any, tmp_path: Path) -> None:
    old = settings.TPI_STORAGE_URL.removeprefix("file://")
    target = tmp_path / "new"
    assert f"TPI_STORAGE_URL=file://{target} " in _move(str(target), "--from", old)
    assert _contents(f"file://{target}", tmp_path) == CONTENTS
