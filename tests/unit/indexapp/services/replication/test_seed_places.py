"""A disk that somebody has prepared does not make an export write, or cut, anything that lies elsewhere."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from indexapp.models import Index
from indexapp.services.replication import seed_export
from indexapp.services.replication.seed_export import Exported, Wish
from tests.factories.people import SYSTEM
from tests.factories.publishing import published
from tpi_site.kit.errors import Invalid

pytestmark = pytest.mark.django_db
SECRET = "a passphrase that was made up"


def export(disk: Path) -> Exported:
    return seed_export.export(actor=SYSTEM, wish=Wish(disk, SECRET))


@pytest.fixture
def disk(tmp_path: Path, main: Index) -> Path:
    """A seed that was at another place meanwhile."""
    published(main)
    folder = tmp_path / "disk"
    export(folder)
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "victim").write_text("what is not the disk's")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


@pytest.mark.parametrize("name", ["incoming", "blobs", "branch"])
def test_a_link_to_a_folder_is_not_followed(disk: Path, elsewhere: Path, name: str) -> None:
    place = next((disk / "blobs").iterdir()) if name == "branch" else disk / name
    shutil.rmtree(place, ignore_errors=True)
    place.symlink_to(elsewhere)
    with pytest.raises(Invalid) as refused:
        export(disk)
    assert refused.value.code == "seed-place"
    assert names(elsewhere) == ["victim"]


@pytest.mark.parametrize("name", ["SHA256SUMS", "SHA256SUMS.part"])
def test_a_link_to_a_file_is_not_written_through(disk: Path, elsewhere: Path, name: str) -> None:
    (disk / name).unlink(missing_ok=True)
    (disk / name).symlink_to(elsewhere / "victim")
    with pytest.raises(Invalid) as refused:
        export(disk)
    assert refused.value.code == "seed-place"
    assert (elsewhere / "victim").read_text() == "what is not the disk's"


def test_a_second_name_of_a_file_is_not_written_through(disk: Path, elsewhere: Path) -> None:
    (disk / "SHA256SUMS.part").hardlink_to(elsewhere / "victim")
    assert export(disk).there == 2
    assert (elsewhere / "victim").read_text() == "what is not the disk's"


def test_a_pipe_keeps_nobody_waiting(disk: Path) -> None:
    (disk / "SHA256SUMS").unlink()
    os.mkfifo(disk / "SHA256SUMS")
    with pytest.raises(Invalid) as refused:
        export(disk)
    assert refused.value.code == "seed-place"
