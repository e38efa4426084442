"""A replica of a replica: what the one in between lacks still comes to it, and what it has it does not lose by that."""

from __future__ import annotations

import pytest
from django.db import transaction

from indexapp.domain.copy_filter import CopyFilter
from indexapp.domain.replication.batches import Batch
from indexapp.domain.replication.holding import Hold
from indexapp.models import Blob, File, Following, Index, NotHeld, WantedBlob
from indexapp.services.replication import applying, choosing, credentials, epochs, holding
from tests.builders.wheels import build_wheel
from tests.factories.people import SYSTEM
from tests.factories.publishing import published
from tests.factories.replication import make_following
from tests.unit.indexapp.services.replication.test_applying import SECRET, given
from tests.wsgi_client import WsgiClient, bearer

pytestmark = [pytest.mark.django_db, pytest.mark.database]
Contents = set[tuple[str, int]]


@pytest.fixture
def contents(main: Index) -> Contents:
    """Digests and sizes of all that the files have; and this site a replica."""
    epochs.current()
    for version in ("1.0", "2.0"):
        published(main, build_wheel("tool", version))
    make_following()
    return set(Blob.objects.values_list("sha256", "size"))


def lose() -> None:
    """Have no bytes, all of them being on their way."""
    batch = given()
    File.objects.update(blob=None, metadata_blob=None)
    Blob.objects.all().delete()
    take(batch)


def leave_out() -> None:
    choosing.hold(actor=SYSTEM, wanted=Hold(files=CopyFilter(newest=1, include=["nothing"])))
    holding.go_on()


def take(batch: Batch) -> None:
    with transaction.atomic():
        applying.apply(batch, SECRET)


def taken_below(batch: Batch) -> Contents:
    """What a site that has nothing yet wants of a batch."""
    File.objects.update(blob=None, metadata_blob=None)
    Blob.objects.all().delete()
    with transaction.atomic():
        applying.empty()
        applying.apply(batch, SECRET)
    assert File.objects.count() == 2
    return set(WantedBlob.objects.values_list("sha256", "size"))


def test_what_is_on_its_way_in_between_is_wanted_below(contents: Contents) -> None:
    lose()
    assert set(WantedBlob.objects.values_list("sha256", "size")) == contents
    batch = given()
    assert not File.objects.filter(blob__isnull=False).exists()
    assert taken_below(batch) == contents


def test_what_a_filter_leaves_out_in_between_is_wanted_below(contents: Contents) -> None:
    leave_out()
    assert not WantedBlob.objects.exists()
    assert NotHeld.objects.count() == 2
    assert taken_below(given()) == contents


def test_what_is_let_go_in_between_is_kept_below(contents: Contents) -> None:
    keys = dict(File.objects.values_list("pk", "blob"))
    leave_out()
    batch = given()
    for file, blob in keys.items():
        File.objects.filter(pk=file).update(blob=blob)
    take(batch)
    assert dict(File.objects.values_list("pk", "blob")) == keys


def test_who_follows_nobody_promises_nothing(contents: Contents) -> None:
    lose()
    Following.objects.all().delete()
    assert taken_below(given()) == set()


def test_those_below_ask_again_for_what_is_to_come_and_not_for_what_nobody_has(
    contents: Contents, machine: WsgiClient
) -> None:
    lose()
    _, secret = credentials.invite(actor=SYSTEM, name="below")
    machine = machine.signed(bearer(secret))
    for sha256, _ in contents:
        answer = machine.get(f"/api/v1/replication/blobs/{sha256}/", X_TPI_Site="0" * 32)
        assert (answer.status, answer.code) == (503, "not-here-yet")
        assert answer.headers["Retry-After"]
    answer = machine.get(f"/api/v1/replication/blobs/{'0' * 64}/", X_TPI_Site="0" * 32)
    assert (answer.status, answer.code) == (404, "blob-unknown")
