"""Everything that can be wrong is named, held back, alarmed, and free again when it was repaired."""

from __future__ import annotations

import json
import shutil
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Alarm, AuditEntry
from indexapp import tasks
from indexapp.domain.file_paths import file_path
from indexapp.models import Blob, Change, File, Project
from indexapp.storage import BlobDamaged, default_storage
from tests.builders.core_metadata import Built
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.publishing import make_index, published, upload
from tests.unit.indexapp.services.integrity.spoiling import WAYS, Spoil, flip, overwrite, raw, spoil
from tests.wsgi_client import Answer, WsgiClient

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def fsck(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit code, the faults and the summary."""
    out, code = StringIO(), 0
    try:
        call_command("fsck", "--json", *arguments, stdout=out)
    except SystemExit as leaving:
        code = int(str(leaving.code))
    return code, [json.loads(line) for line in out.getvalue().splitlines()]


def codes(found: list[dict[str, Any]]) -> list[str]:
    return [line["code"] for line in found[:-1]]


@pytest.fixture
def reader(cast: Cast, machine: WsgiClient) -> WsgiClient:
    return machine.signed(cast.bearer("reader"))


def fetch(reader: WsgiClient, file: File) -> Answer:
    return reader.get(f"/{file.index.name}/files/{file_path(file.sha256, file.filename)}")


def test_what_is_whole_is_clean(file: File) -> None:
    for arguments in ((), ("--deep",), ("--repair",)):
        code, [summary] = fsck(*arguments)
        assert (code, summary["blobs"], summary["clean"], summary["orphans"]) == (0, 2, True, 0)
    assert not Alarm.objects.exists()


@pytest.mark.parametrize(("how", "expected"), [pytest.param(*way, id=name) for name, way in WAYS.items()])
def test_changed_bytes_are_named_and_served_no_more(
    file: File, built: Built, how: Spoil, expected: str, reader: WsgiClient
) -> None:
    assert fetch(reader, file).body == built.content
    spoil(file, how)

    code, found = fsck("--deep")

    assert (code, codes(found)) == (1, [expected])
    assert (found[0]["subject"], found[0]["repaired"]) == (file.sha256, False)
    answer = fetch(reader, file)
    assert (answer.status, answer.code) == (503, "blob-damaged")
    assert [alarm.code for alarm in Alarm.objects.filter(ended_at=None)] == ["blob-damaged"]
    assert list(AuditEntry.objects.filter(action="blob.damage").values_list("object_name", flat=True)) == [file.sha256]
    assert Change.objects.filter(kind="file-damaged", filename=file.filename).count() == 1
    assert fsck("--deep")[0] == 1
    assert Change.objects.filter(kind="file-damaged").count() == 1


@pytest.mark.parametrize("how", [pytest.param(way, id=name) for name, (way, _) in WAYS.items()])
@pytest.mark.parametrize("kind", ["disk sealed", "memory sealed"], indirect=True)
def test_no_byte_of_a_changed_segment_leaves(kind: str, file: File, built: Built, how: Spoil) -> None:
    spoil(file, how)
    given, is_whole = b"", False
    try:
        for piece in default_storage().read(file.blob.place):
            given += piece
        is_whole = True
    except BlobDamaged:
        pass
    assert built.content.startswith(given)
    assert is_whole == (how(b"a") == b"a\0")  # what was only added behind the end is never read


def test_objects_in_each_others_place(file: File, cast: Cast, kind: str) -> None:
    other = published(make_index("other"), build_wheel("other", files={"noise.bin": bytes(500_000)}))
    one, two = raw(file.blob.object_name), raw(other.blob.object_name)
    overwrite(file.blob.object_name, two)
    overwrite(other.blob.object_name, one)
    code, found = fsck("--deep")
    assert code == 1
    assert {line["subject"] for line in found[:-1]} == {file.sha256, other.sha256}


def test_a_missing_object(file: File, reader: WsgiClient) -> None:
    default_storage().delete(file.blob.object_name)
    code, found = fsck()
    assert (code, codes(found)) == (1, ["blob-missing"])
    assert (fetch(reader, file).status, fetch(reader, file).code) == (503, "blob-damaged")


def test_damage_of_the_metadata_beside_it(file: File, reader: WsgiClient) -> None:
    assert file.metadata_blob is not None
    overwrite(file.metadata_blob.object_name, flip(-1)(raw(file.metadata_blob.object_name)))
    code, found = fsck("--deep")
    assert (code, found[0]["subject"]) == (1, file.metadata_sha256)
    assert fetch(reader, file).status == 200
    beside = f"/{file.index.name}/files/{file_path(file.sha256, file.filename)}.metadata"
    assert reader.get(beside).status == 503


def test_rows_that_say_something_else(file: File) -> None:
    File.objects.filter(pk=file.pk).update(size=1, metadata_sha256="0" * 64)
    Project.objects.filter(pk=file.project_id).update(last_serial=0)
    code, found = fsck()
    assert (code, sorted(codes(found))) == (
        1,
        ["file-size", "metadata-digest", "project-serial", "project-size"],
    )
    File.objects.filter(pk=file.pk).update(metadata_sha256=file.metadata_sha256)
    assert fsck("--repair")[0] == 0
    code, [summary] = fsck()
    assert (code, summary["faults"]) == (0, 0)
    assert Project.objects.get(pk=file.project_id).total_size == file.size


def test_a_serial_beyond_the_log_becomes_no_lower_than_it_must(file: File) -> None:
    published(file.index, build_wheel("later"))
    highest = Change.objects.latest("serial").serial
    Project.objects.filter(pk=file.project_id).update(last_serial=highest + 10**6)
    assert codes(fsck()[1]) == ["project-serial"]
    assert fsck("--repair")[0] == 0
    assert Project.objects.get(pk=file.project_id).last_serial == highest


def test_a_row_of_another_digest_or_size(file: File) -> None:
    Blob.objects.filter(pk=file.blob_id).update(sha256="0" * 64)
    assert set(codes(fsck("--deep")[1])) == {"blob-corrupt", "file-digest"}
    Blob.objects.filter(pk=file.blob_id).update(sha256=file.sha256, size=file.size - 1)
    assert "blob-size" in codes(fsck()[1])


def test_a_wrong_wrapped_key_is_taken_from_the_object(kind: str, file: File, built: Built) -> None:
    assert file.metadata_blob is not None
    key = file.metadata_blob.sealed_key
    Blob.objects.filter(pk=file.blob_id).update(sealed_key=key)
    if kind.endswith("plain"):
        assert fsck("--deep")[0] == 0  # there is no key to be wrong
        return
    code, found = fsck()
    assert (code, codes(found)) == (1, ["key-wrong"])
    assert fsck("--repair")[0] == 0
    file.blob.refresh_from_db()
    assert b"".join(default_storage().read(file.blob.place)) == built.content
    assert Blob.objects.get(pk=file.blob_id).sealed_key != key


def test_bytes_come_back_from_a_copy(
    file: File, built: Built, kind: str, tmp_path: Path, storage_folder: Path, reader: WsgiClient
) -> None:
    copy = tmp_path / "copy"
    name = file.blob.object_name
    (copy / "blobs" / name).parent.mkdir(parents=True)
    (copy / "blobs" / name).write_bytes(raw(name))
    spoil(file, flip(-1))
    assert fsck("--deep")[0] == 1

    for place in (str(copy), f"file://{copy}", str(copy / "blobs")):
        spoil(file, flip(300_000))
        code, found = fsck("--deep", "--repair-from", place)
        assert (code, [line["repaired"] for line in found[:-1]]) == (0, [True])
        answer = fetch(reader, file)
        assert (answer.status, answer.body) == (200, built.content)
        assert fsck("--deep")[0] == 0
    assert not Alarm.objects.filter(ended_at=None).exists()
    shutil.rmtree(copy)


def test_read_only_mode_keeps_nobody_from_repairing(
    file: File, built: Built, tmp_path: Path, reader: WsgiClient, settings: Any
) -> None:
    name = file.blob.object_name
    (tmp_path / "copy" / "blobs" / name).parent.mkdir(parents=True)
    (tmp_path / "copy" / "blobs" / name).write_bytes(raw(name))
    spoil(file, flip(-1))
    Project.objects.update(total_size=1)
    File.objects.update(size=1)
    settings.TPI_READ_ONLY = True

    assert fsck("--deep")[0] == 1
    assert fetch(reader, file).status == 503
    code, found = fsck("--deep", "--repair-from", str(tmp_path / "copy"))

    assert code == 0, found
    assert set(codes(found)) == {"blob-corrupt", "file-size", "project-size"}
    assert fetch(reader, file).body == built.content
    assert not Alarm.objects.filter(ended_at=None).exists()


def test_a_copy_that_is_damaged_too_is_not_taken(file: File, tmp_path: Path, reader: WsgiClient) -> None:
    copy = tmp_path / "copy"
    name = file.blob.object_name
    (copy / "blobs" / name).parent.mkdir(parents=True)
    (copy / "blobs" / name).write_bytes(flip(100_000)(raw(name)))
    default_storage().delete(name)
    code, found = fsck("--repair-from", str(copy))
    assert (code, codes(found), found[0]["repaired"]) == (1, ["blob-missing"], False)
    assert fetch(reader, file).status == 503


def test_what_came_back_by_itself_is_served_again(file: File, built: Built, reader: WsgiClient) -> None:
    name = file.blob.object_name
    kept = raw(name)
    default_storage().delete(name)
    assert fsck()[0] == 1
    overwrite(name, kept)
    assert fsck()[0] == 0
    assert fetch(reader, file).body == built.content
    assert not Alarm.objects.filter(ended_at=None).exists()


def test_a_new_upload_of_the_same_bytes_heals(file: File, built: Built, reader: WsgiClient) -> None:
    spoil(file, flip(-1))
    assert fsck("--deep")[0] == 1
    upload(make_index("other"), built)
    assert fetch(reader, file).body == built.content
    assert fsck("--deep")[0] == 0


def test_a_whole_store_that_is_not_there_is_no_damage(cast: Cast, storage_folder: Path) -> None:
    for number in range(5):
        upload(cast.index, build_wheel(version=f"{number}.0"))
    shutil.rmtree(storage_folder / "blobs")
    with pytest.raises(CommandError, match="mounted") as caught:
        fsck()
    assert caught.value.returncode == 2
    assert not Blob.objects.exclude(damaged_at=None).exists()


def test_a_place_without_a_store_is_refused(file: File, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    for place in (str(tmp_path / "spools"), "nowhere", missing, f"file://{missing}"):
        with pytest.raises(CommandError, match=r"neither a folder|no folder 'blobs'") as caught:
            fsck("--repair-from", place)
        assert caught.value.returncode == 2
    assert not Path(missing).exists()


def test_a_reader_who_meets_damage_starts_one_examination(
    kind: str, file: File, reader: WsgiClient, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    if kind.endswith("plain"):
        default_storage().delete(file.blob.object_name)
    else:
        spoil(file, flip(0))
    with django_capture_on_commit_callbacks() as jobs:
        for _ in range(3):
            assert fetch(reader, file).status == 503
    assert len(jobs) == 1
    assert "blob-" in tasks.examine_blob(file.sha256)
    assert Blob.objects.get(pk=file.blob_id).damaged_at is not None
    assert Alarm.objects.filter(code="blob-damaged", ended_at=None).count() == 1
    assert tasks.examine_blob("0" * 64) == ""


def test_orphans_are_told_and_are_no_fault(file: File) -> None:
    overwrite("ab/" + "c" * 62, b"nobody's")
    code, [summary] = fsck()
    assert (code, summary["orphans"], summary["orphaned_bytes"]) == (0, 1, 8)


def test_lines_for_people(file: File) -> None:
    default_storage().delete(file.blob.object_name)
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("fsck", stdout=out)
    fault, summary = out.getvalue().splitlines()
    assert fault.startswith(f"blob-missing {file.sha256}: the object ")
    assert fault.endswith("--repair-from a backup or a second store.")
    assert summary.startswith("2 contents examined, 1 faults, 0 repaired;")
