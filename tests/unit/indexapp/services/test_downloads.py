from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from indexapp.services import downloads
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.publishing import published
from tests.wsgi_client import WsgiClient

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.TPI_DATA_DIR = tmp_path
    return tmp_path / "download-log"


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]


def note(number: int = 0) -> None:
    downloads.note(
        actor=SYSTEM, index="main", project="acme", filename=f"{number}\n.whl", status=200, address="", request_id=""
    )


@pytest.fixture
def path(cast: Cast, storage_folder: Path) -> str:
    file = published(cast.index)
    return f"/main/files/{file.sha256[:2]}/{file.sha256[2:4]}/{file.sha256[4:]}/{file.filename}"


def test_a_download_is_a_line_and_nothing_else_is(machine: WsgiClient, cast: Cast, path: str, folder: Path) -> None:
    client = machine.signed(cast.bearer("reader"))
    assert client.get(path).status == 200
    assert client.get(path, Range="bytes=0-9").status == 206
    assert client.get(f"{path}.metadata").status == 200
    assert client.request("HEAD", path).status == 200
    assert client.get(path, If_None_Match=f'"{"".join(path.split("/")[3:6])}"').status == 304
    assert machine.signed(cast.bearer("outsider")).get(path).status == 403
    assert downloads.write() == 2
    first, second = lines(folder)
    assert (first["actor"], first["actor_id"], first["index"]) == ("reader", cast.reader.pk, "main")
    assert (first["project"], first["filename"], first["status"]) == ("acme-tool", path.rpartition("/")[2], 200)
    assert first["request_id"]
    assert second["status"] == 206
    [file] = folder.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_it_can_be_turned_off(machine: WsgiClient, cast: Cast, path: str, settings: Any) -> None:
    settings.TPI_DOWNLOAD_LOG = False
    machine.signed(cast.bearer("reader")).get(path)
    assert downloads.write() == 0


def test_what_does_not_fit_is_counted_in_the_stream(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "_MOST", 5)
    for number in range(12):
        note(number)
    downloads.write()
    found = lines(folder)
    assert [line.get("filename") for line in found] == [*(f"{number}\n.whl" for number in range(5)), None]
    assert found[-1]["dropped"] == 7
    assert downloads.write() == 0


def test_a_full_disk_costs_lines_and_no_request(folder: Path) -> None:
    folder.write_text("in the way")
    note()
    assert downloads.write() == 0
    folder.unlink()
    note()
    downloads.write()
    assert [line.get("dropped") for line in lines(folder)] == [None, 1]


def test_files_begin_anew_when_they_are_large_and_old_ones_go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "_LARGEST", 10)
    folder.mkdir()
    (folder / "20200101-1-0.jsonl").write_text("{}\n")
    for _ in range(3):
        note()
        downloads.write()
    names = sorted(path.name for path in folder.iterdir())
    assert [name.partition("-")[2] for name in names] == [f"{os.getpid()}-{number}.jsonl" for number in range(3)]
