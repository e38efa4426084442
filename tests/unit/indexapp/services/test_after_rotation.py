"""Objects whose heads name a key that has left the ring: their rows' keys count, wherever they are copied or examined."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Alarm
from indexapp.models import Blob
from indexapp.services.backups import packing, places, taking
from indexapp.services.backups.copying import fault_in
from indexapp.services.backups.taking import Wish
from indexapp.storage import BlobStorage, default_storage
from indexapp.storage.addresses import store_for
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.publishing import published
from tests.unit.indexapp.services.integrity.spoiling import overwrite, raw
from tpi_site.kit import key_ring

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def ring(settings: Any, tmp_path: Path) -> Path:
    """A ring of the test's own."""
    settings.TPI_KEYRING = f"file:{tmp_path / 'ring.json'}"
    return tmp_path / "ring.json"


@pytest.fixture
def contents(ring: Path, cast: Cast) -> dict[str, bytes]:
    """What was published before the key of the heads was rotated away, by its digest."""
    published(cast.index, build_wheel(files={"noise.bin": bytes(300_000)}))
    old = key_ring.key_ring().current
    call_command("rotate_keys", stdout=io.StringIO())
    call_command("rotate_keys", remove=old, stdout=io.StringIO())
    assert old not in key_ring.key_ring().keys
    assert all(default_storage().by_head(blob.object_name, blob.size) is None for blob in Blob.objects.all())
    return read(default_storage())


def read(storage: BlobStorage) -> dict[str, bytes]:
    return {blob.sha256: b"".join(storage.read(blob.place)) for blob in Blob.objects.all()}


def moved(*arguments: str) -> str:
    out = io.StringIO()
    call_command("move_storage", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def fsck(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
    out, code = io.StringIO(), 0
    try:
        call_command("fsck", "--json", *arguments, stdout=out, stderr=io.StringIO())
    except SystemExit as end:
        code = int(str(end.code))
    return code, [json.loads(line) for line in out.getvalue().splitlines()]


def test_they_are_moved_there_and_back(contents: dict[str, bytes], settings: Any, tmp_path: Path) -> None:
    there, back = f"file://{tmp_path / 'there'}", f"file://{tmp_path / 'back'}"
    assert moved(there).startswith(f"Copied {len(contents)} files")
    assert moved(back, "--from", there).startswith(f"Copied {len(contents)} files")
    assert "Copied 0 files" in moved(back, "--from", there)
    for address in (there, back):
        assert read(BlobStorage(store_for(address, tmp_path / "tmp"), encrypting=True)) == contents


def test_one_whose_head_was_changed_is_not_moved(contents: dict[str, bytes], tmp_path: Path) -> None:
    name = Blob.objects.latest("size").object_name
    overwrite(name, raw(name)[:-1] + b"\0")  # the stream's end: which a move does not open
    assert moved(f"file://{tmp_path / 'there'}").startswith(f"Copied {len(contents)} files")
    changed = bytearray(raw(name))
    changed[230] ^= 1
    overwrite(name, bytes(changed))
    with pytest.raises(CommandError, match=rf"1 files are missing or damaged(.|\n)*{name}"):
        moved(f"file://{tmp_path / 'other'}")


def test_they_are_backed_up(contents: dict[str, bytes], tmp_path: Path) -> None:
    to = str(tmp_path / "backups")
    taken = taking.take(actor=SYSTEM, wish=Wish(to))
    place = places.at(to, is_made=False)
    found = [*packing.contents_of(place, taken.manifest)]
    assert {each.sha256 for each, is_there in found if is_there} == set(contents)
    assert [fault_in(each, place.objects, deep=True) for each, _ in found] == [None] * len(found)


def test_they_repair_what_is_lost(contents: dict[str, bytes], tmp_path: Path) -> None:
    copy = f"file://{tmp_path / 'copy'}"
    moved(copy)
    for blob in Blob.objects.all():
        default_storage().delete(blob.object_name)
    code, found = fsck("--repair-from", copy)
    assert (code, found[-1]["repaired"]) == (0, len(contents))
    assert read(default_storage()) == contents
    assert fsck("--deep")[0] == 0


def test_a_ring_that_is_older_than_the_rows_repairs_nothing(ring: Path, cast: Cast) -> None:
    published(cast.index, build_wheel(files={"noise.bin": bytes(300_000)}))
    stale = ring.read_text()
    call_command("rotate_keys", stdout=io.StringIO())
    new, rows = ring.read_text(), dict(Blob.objects.values_list("sha256", "sealed_key"))
    ring.write_text(stale)
    key_ring.forget()
    code, found = fsck("--deep", "--repair")
    assert (code, {line["code"] for line in found[:-1]}) == (1, {"key-unknown"})
    assert not any(line["repaired"] for line in found[:-1])
    assert dict(Blob.objects.values_list("sha256", "sealed_key")) == rows
    assert not Blob.objects.exclude(damaged_at=None).exists()
    assert not Alarm.objects.filter(code="blob-damaged", ended_at=None).exists()
    ring.write_text(new)
    key_ring.forget()
    assert fsck("--deep")[0] == 0
