"""Whoever uploads what is kept damaged is not told that it is there: the bytes that came take its place."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.models import Alarm, AuditEntry
from indexapp.models import Blob, Change, File, Index
from indexapp.services.integrity import checking
from indexapp.storage import default_storage
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.publishing import make_index, published, upload
from tests.unit.indexapp.services.integrity.spoiling import flip, overwrite, raw, spoil
from tests.unit.indexapp.services.integrity.test_checking import fsck

pytestmark = [pytest.mark.database, pytest.mark.django_db]
BUILT = build_wheel(files={"noise.bin": bytes(200_000)})
Index_ = Callable[[Cast], Index]
WHERE = pytest.mark.parametrize(
    "where", [lambda cast: cast.index, lambda cast: make_index("other")], ids=["again", "elsewhere"]
)


@pytest.fixture
def file(cast: Cast) -> File:
    return published(cast.index, BUILT)


def content(file: File) -> bytes:
    return b"".join(default_storage().read(Blob.objects.get(pk=file.blob_id).place))


@WHERE
@pytest.mark.parametrize("is_known", [True, False], ids=["known", "unnoticed"])
def test_the_bytes_that_came_take_the_place_of_damaged_ones(
    file: File, cast: Cast, where: Index_, is_known: bool
) -> None:
    spoil(file, flip(100_000))
    if is_known:
        assert checking.check_one(actor=SYSTEM, sha256=file.sha256) is not None
        assert Blob.objects.get(pk=file.blob_id).damaged_at is not None
    upload(where(cast), BUILT)
    assert content(file) == BUILT.content
    assert fsck("--deep")[0] == 0
    assert AuditEntry.objects.filter(action="blob.repair").exists() or not is_known
    repaired = Change.objects.filter(kind="file-repaired", filename=file.filename).exists()
    assert repaired == is_known
    assert not Alarm.objects.filter(code="blob-damaged", ended_at=None).exists()


@WHERE
def test_a_missing_object_and_damaged_metadata_are_healed_too(file: File, cast: Cast, where: Index_) -> None:
    assert file.metadata_blob is not None
    default_storage().delete(file.blob.object_name)
    overwrite(file.metadata_blob.object_name, flip(-1)(raw(file.metadata_blob.object_name)))
    assert fsck("--deep")[0] == 1
    upload(where(cast), BUILT)
    assert content(file) == BUILT.content
    assert fsck("--deep")[0] == 0


def test_what_is_whole_stays_as_it_lies(file: File, cast: Cast) -> None:
    before = raw(file.blob.object_name)
    upload(cast.index, BUILT)
    upload(make_index("other"), BUILT)
    assert raw(file.blob.object_name) == before
    assert not AuditEntry.objects.filter(action="blob.repair").exists()
