"""Many contents put at once are what they would be if each were put by itself."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from indexapp.domain.segments import FIRST, REST
from indexapp.storage import BlobDamaged, BlobStorage, groups
from indexapp.storage.filesystem import FilesystemStore
from indexapp.storage.memory import MemoryStore

CONTENTS = [os.urandom(size) for size in (0, 1, FIRST, FIRST + 1, FIRST + REST, FIRST + 2 * REST + 5, *range(100, 120))]


@pytest.fixture(autouse=True)
def _ring(settings: Any, tmp_path: Path) -> None:
    settings.TPI_KEYRING = f"file:{tmp_path / 'ring.json'}"


@pytest.fixture(params=[True, False], ids=["sealed", "plain"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStorage:
    return BlobStorage(FilesystemStore(tmp_path / "files"), encrypting=request.param)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def named(contents: list[bytes]) -> list[tuple[str, bytes]]:
    return [(digest(content), content) for content in contents]


@pytest.mark.parametrize("together", [True, False], ids=["all-at-once", "one-by-one"])
def test_all_are_there_and_whole(storage: BlobStorage, monkeypatch: pytest.MonkeyPatch, *, together: bool) -> None:
    monkeypatch.setattr(groups, "_syncs_all", lambda: together)
    kept = groups.put_together(storage, iter(named(CONTENTS)))
    assert [each.sha256 for each in kept] == [digest(content) for content in CONTENTS]
    for each, content in zip(kept, CONTENTS, strict=True):
        assert b"".join(storage.read(each.place)) == content
        assert storage.holds(each.place, each.sha256)
        assert storage.stat(each.place.object_name).size == each.place.stored_size
        if storage.encrypting:
            assert storage.by_head(each.place.object_name, len(content)) == each.place
    assert len(list(storage.names())) == len(CONTENTS)


def test_a_content_is_read_whole_or_refused_as_piece_by_piece(storage: BlobStorage, tmp_path: Path) -> None:
    kept = groups.put_together(storage, named(CONTENTS))
    for each, content in zip(kept, CONTENTS, strict=True):
        assert groups.read_whole(storage, each.place) == content
    path = tmp_path / "files" / "blobs" / kept[4].place.object_name
    whole = path.read_bytes()
    broken = [whole[:-1]]
    if storage.encrypting:
        broken += [
            whole[:300] + bytes([whole[300] ^ 1]) + whole[301:],
            whole[:-1] + bytes([whole[-1] ^ 1]),
        ]
    for other in broken:
        path.write_bytes(other)
        with pytest.raises(BlobDamaged):
            groups.read_whole(storage, kept[4].place)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        groups.read_whole(storage, kept[4].place)


def test_what_was_there_is_left_to_who_reads_it_first(storage: BlobStorage) -> None:
    groups.put_together(storage, named(CONTENTS[:3]))
    before = {name: storage.stat(name).put_at for name in storage.names()}
    kept = groups.put_together(storage, named([*CONTENTS[2:5], CONTENTS[4]]))
    assert [each.sha256 for each in kept] == [digest(content) for content in CONTENTS[3:5]]
    assert {name: storage.stat(name).put_at for name in before} == before


def test_what_breaks_off_leaves_nothing(storage: BlobStorage, tmp_path: Path) -> None:
    def broken() -> Any:
        yield from named(CONTENTS[:9])
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        groups.put_together(storage, broken())
    assert [path for path in (tmp_path / "files").rglob("*") if path.is_file()] == []


def test_a_name_that_somebody_gave_meanwhile_is_not_written_over(storage: BlobStorage) -> None:
    other = BlobStorage(storage.objects, encrypting=storage.encrypting)

    def overtaken() -> Any:
        yield from named(CONTENTS)
        groups.put_together(other, named(CONTENTS[:1]))

    kept = groups.put_together(storage, overtaken())
    assert digest(CONTENTS[0]) not in {each.sha256 for each in kept}
    assert len(kept) == len(CONTENTS) - 1


def test_other_stores_do_not_group(tmp_path: Path) -> None:
    storage = BlobStorage(MemoryStore(tmp_path), encrypting=False)
    assert not groups.is_grouping(storage)
    with pytest.raises(TypeError):
        groups.put_together(storage, named(CONTENTS))
