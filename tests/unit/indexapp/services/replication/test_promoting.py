"""A replica that takes over: what it refuses, what it tells, and what it begins."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.models import AuditEntry
from indexapp.models import Change, Epoch, File, Following, Index, Project, Replica, Takeover, WantedBlob
from indexapp.services import first_start
from indexapp.services.replication import epochs, fences, heirs, promoting, watching
from indexapp.services.serial_jumps import JUMP
from tests.factories.people import SYSTEM
from tests.factories.publishing import published
from tests.factories.replication import PRIMARY, make_following
from tpi_site.kit import read_only
from tpi_site.kit.errors import Conflict
from tpi_site.kit.read_only import ReadOnly

pytestmark = pytest.mark.django_db
FAR = "https://far.example/"
SIBLING: dict[str, Any] = {
    "name": "other",
    "key_id": "k" * 12,
    "digest": "d" * 64,
    "site": None,
    "may_take_over": False,
    "url": "",
    "ca_certificates": "",
    "created_by": "somebody",
}


@pytest.fixture
def file(main: Index) -> File:
    return published(main)


@pytest.fixture
def heir(file: File) -> Following:
    return make_following(may_take_over=True, own_url=FAR, siblings=[SIBLING])


def test_it_goes_on_in_an_epoch_of_its_own(heir: Following, main: Index) -> None:
    newest = epochs.newest_serial()
    Following.objects.update(primary_serial=newest + 4)
    made = promoting.promote(actor=SYSTEM, asks_primary=False)
    assert (made.epoch.number, made.epoch.reason, made.epoch.began_after) == (2, Epoch.Reason.PROMOTED, newest)
    assert (made.serial, made.serials_behind, made.missing, made.is_fenced) == (newest, 4, 0, False)
    assert not Following.objects.exists()
    order = Takeover.objects.get()
    assert (order.old_url, order.own_url, order.epoch) == (PRIMARY, FAR, made.epoch.uuid)
    assert "tpi_nothing" not in order.secret
    assert order.failure
    assert watching.is_needed()
    read_only.look()
    assert read_only.why() is None
    entry = AuditEntry.objects.get(action="replication.promote")
    assert entry.detail["serials_behind"] == 4


def test_no_serial_is_given_twice_and_every_project_is_told_again(heir: Following, main: Index) -> None:
    newest = epochs.newest_serial()
    promoting.promote(actor=SYSTEM, asks_primary=False)
    told = list(Change.objects.filter(serial__gt=newest).values_list("serial", "kind", "project"))
    kind = "installation-promoted"
    assert told == [(newest + JUMP, kind, "acme-tool"), (newest + JUMP + 1, kind, "")]
    assert Project.objects.get().last_serial == newest + JUMP


def test_other_replicas_may_follow_with_what_they_have(heir: Following) -> None:
    assert promoting.promote(actor=SYSTEM, asks_primary=False).siblings == ["other"]
    assert Replica.objects.get().digest == SIBLING["digest"]


@pytest.mark.parametrize(
    "odd",
    [
        "other",
        None,
        {"name": "no-credential"},
        {**SIBLING, "name": "Not A Name"},
        {**SIBLING, "name": 5},
        {**SIBLING, "key_id": "k" * 13},
        {**SIBLING, "key_id": None},
        {**SIBLING, "digest": "not hex"},
        {**SIBLING, "site": "nobody"},
        {**SIBLING, "url": "file:///etc"},
        {**SIBLING, "url": "x" * 501},
        {**SIBLING, "created_by": "x" * 151},
    ],
)
def test_what_can_be_no_replica_keeps_nobody_from_taking_over(heir: Following, odd: Any) -> None:
    good = SIBLING | {"name": "good", "key_id": "g" * 12}
    Following.objects.update(siblings=[odd, good])
    assert promoting.promote(actor=SYSTEM, asks_primary=False).siblings == ["good"]


def test_of_a_newer_primary_only_what_is_known_here_is_taken(heir: Following) -> None:
    told = SIBLING | {"shoe_size": 43, "id": 7_000, "revoked_at": "never", "serial": -5, "may_take_over": "yes"}
    Following.objects.update(siblings=[told])
    assert promoting.promote(actor=SYSTEM, asks_primary=False).siblings == ["other"]
    row = Replica.objects.get()
    assert (row.pk == 7_000, row.revoked_at, row.serial, row.may_take_over) == (False, None, 0, False)


def test_who_was_not_appointed_does_not_take_over(file: File) -> None:
    with pytest.raises(Conflict) as refused:
        promoting.promote(actor=SYSTEM)
    assert refused.value.code == "replica-not"
    make_following()
    with pytest.raises(Conflict) as refused:
        promoting.promote(actor=SYSTEM)
    assert refused.value.code == "takeover-not-allowed"


def test_missing_bytes_are_named_and_have_to_be_given_up(heir: Following, file: File) -> None:
    File.objects.update(blob=None, metadata_blob=None)
    for sha256 in (file.sha256, file.metadata_sha256):
        WantedBlob.objects.create(sha256=sha256, size=5, files=[file.pk], next_at=timezone.now())
    listed = list(promoting.missing())
    assert [(one.what, one.index, one.project, one.filename, one.sha256) for one in listed] == [
        ("file", "main", "acme-tool", file.filename, file.sha256),
        ("metadata", "main", "acme-tool", file.filename, file.metadata_sha256),
    ]
    with pytest.raises(Conflict) as refused:
        promoting.promote(actor=SYSTEM, asks_primary=False)
    assert refused.value.code == "blobs-missing"
    assert Following.objects.exists()
    assert promoting.promote(actor=SYSTEM, accepts_missing=True, asks_primary=False).missing == 2


def test_damaged_bytes_are_missing_too(heir: Following, file: File) -> None:
    blob = File.objects.select_related("blob").get().blob
    assert blob is not None
    blob.damaged_at = timezone.now()
    blob.save()
    assert [one.what for one in promoting.missing()] == ["file"]


def test_a_primary_that_starts_and_cannot_ask_takes_no_changes(main: Index) -> None:
    row = Replica.objects.create(
        name="far", key_id="k", digest="d", site=uuid4(), may_take_over=True, url="http://127.0.0.1:9/"
    )
    heirs.ask_at_start()
    read_only.look()
    with pytest.raises(ReadOnly, match="'far'"):
        published(main)
    with read_only.passing():
        first_start.run()
    assert watching.is_needed()
    heirs.ask_again()
    assert fences.present() is not None
    fences.confirm(actor=SYSTEM)
    read_only.look()
    assert read_only.why() is None
    heirs.ask_at_start()
    heirs.dismiss(actor=SYSTEM, replica=row)
    assert fences.present() is None


def test_a_primary_without_heirs_asks_nobody(main: Index) -> None:
    Replica.objects.create(name="far", key_id="k", digest="d", site=uuid4())
    Replica.objects.create(name="never-came", key_id="l", digest="d", may_take_over=True, url="http://127.0.0.1:9/")
    heirs.ask_at_start()
    assert fences.present() is None
    assert not watching.is_needed()
