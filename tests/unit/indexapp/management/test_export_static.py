"""What the command says, and with what it ends."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from indexapp.services.static_export import tree
from indexapp.storage import BlobStorage, StorageUnavailable
from tests.builders.wheels import build_wheel
from tests.exported_tree import require_whole
from tests.factories.cast import Cast
from tests.factories.publishing import published
from tests.unit.indexapp.services.integrity.spoiling import flip, spoil

pytestmark = pytest.mark.django_db


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def said(*words: object, code: int = 0, told: StringIO | None = None) -> str:
    out = StringIO()
    command = ("export_static", *map(str, words))
    if code:
        with pytest.raises(SystemExit) as left:
            call_command(*command, stdout=out, stderr=told or StringIO())
        assert left.value.code == code
    else:
        call_command(*command, stdout=out, stderr=told or StringIO())
    return out.getvalue()


def test_it_tells_what_there_is_and_what_was_done(cast: Cast, tmp_path: Path) -> None:
    file = published(cast.index)
    told = Terminal()
    first = said(cast.index.name, tmp_path / "tree", told=told).splitlines()
    assert f"1 projects, 2 files ({file.size + file.metadata_blob.size} bytes), 4 pages." in first[0]
    assert first[1].startswith("Copied 2 files")
    assert told.getvalue().endswith("1 of 1 projects\n")
    again = json.loads(said(cast.index.name, tmp_path / "tree", "--json", "--since-serial", "last"))
    assert (again["copied"], again["written_pages"], again["files"], again["lacking"]) == (0, 0, 2, 0)
    assert again["manifest_sha256"] in first[2]
    require_whole(tmp_path / "tree")


def test_damage_is_named_and_ends_it_with_1(cast: Cast, tmp_path: Path) -> None:
    file = published(cast.index)
    spoil(file, flip(-1))
    lines = said(cast.index.name, tmp_path / "tree", code=1).splitlines()
    assert any(line.startswith("missing or damaged: files/") and line.endswith(file.filename) for line in lines)
    assert "fsck --deep" in lines[-1]


@pytest.mark.parametrize(
    "words", ["nosuch {to}", "{index} {to} --projects ?[", "{index} /proc/x", "{index} {to} --since-serial x"]
)
def test_wrong_arguments_are_named(words: str, cast: Cast, tmp_path: Path) -> None:
    with pytest.raises(CommandError) as caught:
        said(*words.format(index=cast.index.name, to=tmp_path / "tree").split())
    assert str(caught.value).endswith(".")
    assert "Errno" not in str(caught.value)


def test_a_disk_or_a_storage_that_fails_is_told(cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published(cast.index)

    def full(part: Path, target: Path) -> None:
        raise OSError(28, "No space left on device", str(target))

    def away(*_: object) -> None:
        raise StorageUnavailable("connection refused")

    for place, name, instead, words in (
        (tree, "settle", full, "No space left on device"),
        (BlobStorage, "read", away, "connection refused"),
    ):
        with monkeypatch.context() as patch, pytest.raises(CommandError, match=words) as caught:
            patch.setattr(place, name, instead)
            said(cast.index.name, tmp_path / "tree")
        assert "again to go on" in str(caught.value)
        assert caught.value.returncode == 2
    said(cast.index.name, tmp_path / "tree")
    require_whole(tmp_path / "tree")


def test_a_name_that_the_file_system_does_not_take_is_told(cast: Cast, tmp_path: Path) -> None:
    built = build_wheel("acme-tool")
    name = f"acme_tool-1.0-1{'b' * 220}-py3-none-any.whl"
    published(cast.index, built._replace(filename=name))
    with pytest.raises(CommandError, match="takes no name as long as") as caught:
        said(cast.index.name, tmp_path / "tree")
    assert name in str(caught.value)
    assert "--projects" in str(caught.value)
    assert caught.value.returncode == 2
