"""A disk that fills up, a real one: uploads are refused, everything else goes on."""

from __future__ import annotations

import random
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from accounts.models import Alarm
from indexapp import storage, tasks
from indexapp.domain.file_paths import file_path
from indexapp.models import File
from indexapp.services import disk_room
from tests import evidence
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.publishing import multipart, published
from tests.servers.small_disk import fill, small_disk
from tests.wsgi_client import Answer, WsgiClient
from tpi_site.kit import gauges

pytestmark = [pytest.mark.database, pytest.mark.django_db]

MIB = 2**20


@pytest.fixture
def disk(settings: Any, tmp_path: Path) -> Iterator[Path]:
    """8 MiB for files, of which 2 are to stay free; the database is elsewhere."""
    with small_disk(tmp_path / "small", 8) as folder:
        settings.TPI_STORAGE_URL = f"file://{folder / 'files'}"
        settings.TPI_MIN_FREE_MB = 2
        storage.forget_default()
        yield folder
    storage.forget_default()


@pytest.fixture
def uploader(disk: Path, cast: Cast, machine: WsgiClient) -> WsgiClient:
    return machine.signed(cast.bearer("uploader"))


def post(client: WsgiClient, size: int = 0, version: str = "1.0") -> Answer:
    body, content_type = multipart(
        build_wheel(version=version, files={"noise.bin": random.Random(size).randbytes(size)})
    )
    return client.post("/legacy/", body, Content_Type=content_type)


def fetch(client: WsgiClient, file: File) -> Answer:
    return client.get(f"/main/files/{file_path(file.sha256, file.filename)}")


def test_what_fits_is_taken_and_what_would_fill_the_disk_is_not(uploader: WsgiClient, disk: Path) -> None:
    assert post(uploader, 4 * MIB).status == 200
    before = evidence.state()
    answer = post(uploader, 2 * MIB, "2.0")
    assert (answer.status, answer.code) == (507, "disk-nearly-full")
    assert answer.reason.startswith("The server's disk is nearly full, so no files are taken now;")
    assert evidence.state() == before
    assert post(uploader, MIB // 2, "2.0").status == 200


def test_the_body_is_not_read(uploader: WsgiClient, disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    monkeypatch.setattr("indexapp.views.upload.read_form", lambda *_, **__: read.append(1))
    fill(disk, leaving=MIB)
    assert post(uploader).status == 507
    assert read == []


def test_reads_yanks_and_deletions_go_on_where_not_a_byte_is_free(cast: Cast, uploader: WsgiClient, disk: Path) -> None:
    file = published(cast.index)
    fill(disk)
    assert post(uploader, version="2.0").status == 507
    assert fetch(uploader, file).status == 200
    assert uploader.get("/simple/acme-tool/").status == 200
    admin = uploader.signed(cast.bearer("administrator"))
    address = "/api/v1/indexes/main/projects/acme-tool/"
    assert admin.post(f"{address}releases/1.0/yank/", b'{"reason": "x"}', Content_Type="application/json").status == 200
    assert admin.request("DELETE", address).status == 204


def test_a_disk_that_others_fill_while_the_body_comes(
    uploader: WsgiClient, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was announced fitted; the write that does not is answered alike, and nothing stays of it."""
    really = BytesIO.read

    class Filling(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if not (disk / "ballast").exists():
                fill(disk)
            return really(self, size)

    monkeypatch.setattr("tests.wsgi_client.BytesIO", Filling)
    answer = post(uploader, 2 * MIB)
    assert (answer.status, answer.code) == (507, "no-space")
    assert not File.objects.exists()
    assert [path for path in disk.rglob("*") if path.is_file()] == [disk / "ballast"]


@pytest.mark.usefixtures("told_all")
def test_operators_are_told_and_nodes_stay_in_service(uploader: WsgiClient, disk: Path) -> None:
    assert tasks.watch_disks() is False
    ballast = fill(disk, leaving=MIB)
    assert tasks.watch_disks() is True
    alarm = Alarm.objects.get(ended_at=None)
    assert alarm.code == "disk-nearly-full"
    assert "Only 1 MiB on the disk of the files are free, of 2" in alarm.sentence
    answer = uploader.get("/readyz")
    assert (answer.status, answer.json["status"]) == (200, "degraded")
    assert answer.json["parts"]["disk"].startswith("Only 1 MiB")
    ballast.unlink()
    assert tasks.watch_disks() is False
    assert not Alarm.objects.filter(ended_at=None).exists()
    assert uploader.get("/readyz").json["status"] == "ok"


def test_the_disk_of_the_data_folder_counts_as_well(
    cast: Cast, machine: WsgiClient, settings: Any, tmp_path: Path
) -> None:
    """Files lie elsewhere, with room for all of them; the database and its log have none."""
    with small_disk(tmp_path / "small", 8) as folder:
        settings.TPI_DATA_DIR, settings.TPI_MIN_FREE_MB = folder, 2
        settings.TPI_STORAGE_URL = f"file://{tmp_path / 'files'}"
        storage.forget_default()
        uploader = machine.signed(cast.bearer("uploader"))
        fill(folder, leaving=3 * MIB)
        assert post(uploader, 4 * MIB).status == 200, "an upload takes nothing of this disk"
        fill(folder, leaving=MIB)
        answer = post(uploader, 1, "2.0")
        assert (answer.status, answer.code) == (507, "disk-nearly-full")
        assert fetch(uploader, File.objects.get()).status == 200
        assert "1 MiB on the disk of the data" in disk_room.shortage()
    storage.forget_default()


def test_free_bytes_are_measured(disk: Path) -> None:
    fill(disk, leaving=3 * MIB)
    assert disk_room.figures()[("files",)] == 3 * MIB
    assert b'tpi_disk_free_bytes{place="files"} 3.145728e+06' in gauges.text()
