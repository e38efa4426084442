from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from indexapp.models import Blob
from indexapp.services import blobs, garbage, projects, releases
from indexapp.services.blobs import BlobVanishedError, Stored
from indexapp.storage import default_storage
from tests import evidence
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.publishing import make_index, published, upload
from tpi_site.kit import key_ring
from tpi_site.kit.key_ring import key_id_of

pytestmark = [pytest.mark.database, pytest.mark.django_db]

FUTURE = datetime.now(UTC) + timedelta(days=1)
PAST = datetime.now(UTC) - timedelta(days=1)


@pytest.fixture(autouse=True)
def _no_trash(settings: Any) -> None:
    """What is deleted is needed by nothing at once."""
    settings.TPI_TRASH_DAYS = 0


def store(content: bytes) -> Stored:
    with default_storage().spool() as spool:
        spool.file.write(content)
        return blobs.store(hashlib.sha256(content).hexdigest(), spool)


def test_bytes_come_before_their_row(cast: Cast) -> None:
    stored = store(b"content")
    assert stored.is_new
    assert not Blob.objects.exists()
    assert store(b"content").is_new is False
    with transaction.atomic():
        rows = blobs.claim(stored)
    row = Blob.objects.get(pk=rows[stored.sha256])
    assert (row.sha256, row.size, row.object_name) == (stored.sha256, 7, stored.object_name)
    assert timezone.now() - row.created_at < timedelta(minutes=1)


def test_a_claim_takes_the_row_that_is_there(cast: Cast) -> None:
    one, two = store(b"one"), store(b"two")
    first = blobs.claim(one)
    second = blobs.claim(two, one, two)
    assert second[one.sha256] == first[one.sha256]
    assert set(second) == {one.sha256, two.sha256}
    assert Blob.objects.count() == 2


def test_bytes_that_vanished_are_noticed_before_a_row_speaks_of_them(cast: Cast) -> None:
    stored = store(b"content")
    default_storage().delete(stored.object_name)
    with pytest.raises(BlobVanishedError):
        blobs.claim(stored)
    assert not Blob.objects.exists()


def test_what_a_refused_upload_brought_is_taken_back(cast: Cast) -> None:
    stored = store(b"content")
    blobs.discard(stored)
    assert not default_storage().exists(stored.object_name)


def test_what_another_upload_brought_or_claimed_is_left(cast: Cast) -> None:
    first = store(b"content")
    blobs.discard(store(b"content"))
    assert default_storage().exists(first.object_name)
    blobs.claim(first)
    blobs.discard(first)
    assert default_storage().exists(first.object_name)


def test_a_sweep_takes_old_bytes_that_no_file_needs(cast: Cast, storage_folder: Path) -> None:
    published(cast.index)
    kept = evidence.files()
    store(b"an upload that died")
    assert garbage.collect(older_than=PAST) == 0
    assert garbage.collect(older_than=FUTURE) == 1
    assert evidence.files() == kept
    assert garbage.collect(older_than=FUTURE) == 0


def test_a_sweep_takes_old_spools_that_have_a_name(cast: Cast, storage_folder: Path) -> None:
    store(b"the folders are made with the first")
    leftover = storage_folder / "tmp" / "leftover"
    leftover.write_bytes(b"half")
    garbage.collect(older_than=PAST)
    assert leftover.exists()
    garbage.collect(older_than=FUTURE)
    assert not leftover.exists()


@pytest.mark.parametrize("what", ["file", "release", "project"])
def test_after_a_deletion_a_sweep_takes_rows_and_bytes(cast: Cast, what: str) -> None:
    file = published(cast.index)
    actor = cast.actor("administrator")
    match what:
        case "file":
            releases.delete_file(actor=actor, file=file)
        case "release":
            releases.delete(actor=actor, release=file.release)
        case "project":
            projects.delete(actor=actor, project=file.project)
    assert garbage.collect(older_than=FUTURE) == 2
    assert not Blob.objects.exists()
    assert evidence.files() == {}


def test_shared_bytes_stay_until_the_last_file_is_gone(cast: Cast) -> None:
    other = make_index("other")
    here, there = published(cast.index), published(other)
    assert here.blob_id == there.blob_id
    actor = cast.actor("administrator")
    releases.delete_file(actor=actor, file=here)
    assert garbage.collect(older_than=FUTURE) == 0
    releases.delete_file(actor=actor, file=there)
    assert garbage.collect(older_than=FUTURE) == 2


def test_a_metadata_blob_that_two_files_share_stays_for_the_other(cast: Cast) -> None:
    one, two = published(cast.index), published(cast.index, build_wheel(build="1", files={"other.py": b""}))
    assert one.metadata_blob_id == two.metadata_blob_id
    releases.delete_file(actor=cast.actor("administrator"), file=one)
    assert garbage.collect(older_than=FUTURE) == 1
    assert two.metadata_blob is not None
    assert default_storage().exists(two.metadata_blob.object_name)


def test_the_same_bytes_come_back_after_a_deletion_whether_or_not_a_sweep_came_between(cast: Cast) -> None:
    for swept in (False, True):
        index = make_index()
        file = published(index)
        projects.delete(actor=cast.actor("administrator"), project=file.project)
        if swept:
            garbage.collect(older_than=FUTURE)
        other = make_index()
        again = published(other)
        assert b"".join(default_storage().read(again.blob.place)) == build_wheel().content


def test_a_new_upload_of_the_same_bytes_makes_them_young(cast: Cast) -> None:
    file = published(cast.index)
    object_name = file.blob.object_name
    before = default_storage().stat(object_name).put_at
    upload(make_index("other"))
    assert default_storage().stat(object_name).put_at >= before


def test_many_rows_are_given_up_in_batches(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (blobs, garbage):
        monkeypatch.setattr(module, "_BATCH", 2)
    for number in range(5):
        blobs.claim(store(b"%d" % number))
    assert garbage.collect(older_than=FUTURE) == 5
    assert not Blob.objects.exists()


def rotated() -> str:
    """A rotation after which the key that was current is removed; that key's id."""
    old = key_ring.key_ring().current
    call_command("rotate_keys")
    call_command("rotate_keys", remove=old)
    return old


@pytest.fixture
def _own_ring(settings: Any, tmp_path: Path) -> None:
    settings.TPI_KEYRING = f"file:{tmp_path / 'keyring.json'}"


def claimed(stored: Stored) -> Blob:
    with transaction.atomic():
        return Blob.objects.get(pk=blobs.claim(stored)[stored.sha256])


@pytest.mark.usefixtures("_own_ring")
def test_an_upload_that_began_before_a_rotation_is_written_under_the_new_key(cast: Cast) -> None:
    stored = store(b"content")
    call_command("rotate_keys", new_key=True)
    row = claimed(stored)
    assert key_id_of(row.sealed_key) == key_ring.key_ring().current != key_id_of(stored.place.sealed_key)
    assert b"".join(default_storage().read(row.place)) == b"content"


@pytest.mark.usefixtures("_own_ring")
def test_an_upload_whose_key_was_removed_meanwhile_is_put_once_more(cast: Cast) -> None:
    digest = hashlib.sha256(b"content").hexdigest()
    with default_storage().spool() as spool:
        spool.file.write(b"content")
        stored = blobs.store(digest, spool)
        rotated()
        with pytest.raises(BlobVanishedError), transaction.atomic():
            blobs.claim(stored)
        again = blobs.store(digest, spool)
    row = claimed(again)
    assert b"".join(default_storage().read(row.place)) == b"content"


@pytest.mark.usefixtures("_own_ring")
def test_the_same_content_again_keeps_its_object_though_the_head_names_a_removed_key(cast: Cast) -> None:
    row = claimed(store(b"content"))
    before = evidence.files()
    rotated()
    again = store(b"content")
    assert not again.is_new
    assert claimed(again).pk == row.pk
    row.refresh_from_db()
    assert b"".join(default_storage().read(row.place)) == b"content"
    assert {name: each for name, each in evidence.files().items() if name in before} == before


@pytest.mark.usefixtures("_own_ring")
def test_a_row_whose_key_is_not_the_objects_takes_the_objects(cast: Cast) -> None:
    """An upload that put the object anew, as the old one was damaged, and died before its row."""
    row = claimed(store(b"content"))
    lost = row.sealed_key
    default_storage().delete(row.object_name)
    store(b"content")
    again = store(b"content")
    assert not again.is_new
    claimed(again)
    row.refresh_from_db()
    assert row.sealed_key != lost
    rotated()
    row.refresh_from_db()
    assert b"".join(default_storage().read(row.place)) == b"content"
