"""Taking over among sites that do not behave, and what is refused before a primary that answers is made to stop."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from indexapp.models import FetchLimit, File, Following, Index, Replica, Takeover, WantedBlob
from indexapp.services.replication import epochs, fences, heirs, pacing, promoting, takeovers
from tests.factories.people import SYSTEM
from tests.factories.publishing import published
from tests.factories.replication import make_following
from tests.servers.fixed import Fixed
from tpi_site.kit.errors import Conflict, Unavailable

pytestmark = [pytest.mark.database, pytest.mark.django_db]
FAR = "https://far.example/"


@pytest.fixture(autouse=True)
def _near(settings: Any) -> None:
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8"]


def heir_of(url: str) -> Following:
    return make_following(url, may_take_over=True, own_url=FAR)


def test_bytes_that_would_never_come_are_told_before_the_primary_is_stopped(main: Index) -> None:
    published(main)
    File.objects.update(blob=None, metadata_blob=None)
    with Fixed(200, json.dumps({"newest": 1}).encode()) as primary:
        heir_of(primary.url)
        with pytest.raises(Conflict, match="was not asked to stop") as refused:
            promoting.promote(actor=SYSTEM)
        assert primary.sent == []
    assert refused.value.code == "blobs-missing"
    assert Following.objects.exists()


def test_bytes_that_wait_for_their_time_of_the_day_are_told_before_too(main: Index) -> None:
    file = published(main)
    File.objects.update(blob=None)
    WantedBlob.objects.create(sha256=file.sha256, size=5, files=[file.pk], next_at=timezone.now())
    now = timezone.now().hour
    window = f"{(now + 6) % 24:02}:00-{(now + 7) % 24:02}:00"
    FetchLimit.objects.create(windows=[window], zone="UTC")
    pacing.forget_all()
    with Fixed(200, json.dumps({"newest": 1}).encode()) as primary:
        heir_of(primary.url)
        with pytest.raises(Conflict, match=window) as refused:
            promoting.promote(actor=SYSTEM)
        assert primary.sent == []
    assert refused.value.code == "blobs-missing"


def test_a_replica_that_is_paused_stops_nobody(main: Index) -> None:
    with Fixed(200, json.dumps({"newest": 1}).encode()) as primary:
        heir_of(primary.url)
        Following.objects.update(is_paused=True)
        with pytest.raises(Conflict) as refused:
            promoting.promote(actor=SYSTEM, accepts_missing=True)
        assert primary.sent == []
    assert refused.value.code == "replica-paused"
    assert promoting.promote(actor=SYSTEM, asks_primary=False).missing == 0


@pytest.mark.parametrize(("status", "wait"), [(429, 77), (500, 5), (502, 5), (503, 77)])
def test_a_primary_that_answers_that_it_cannot_is_not_taken_for_one_that_is_away(
    main: Index, status: int, wait: int
) -> None:
    headers = {"Retry-After": str(wait)} if wait > 5 else {}
    problem = json.dumps({"status": status, "code": "busy", "detail": "Too much to do."}).encode()
    with Fixed(status, problem, headers) as primary:
        heir_of(primary.url)
        with pytest.raises(Unavailable, match=r"Too much to do\..*--primary-is-down") as refused:
            promoting.promote(actor=SYSTEM)
        assert len(primary.sent) == 1
    assert (refused.value.code, refused.value.retry_after) == ("primary-busy", wait)
    assert Following.objects.exists(), "it follows on"
    assert not Takeover.objects.exists()


def test_a_primary_that_nobody_hears_is_passed_over(main: Index) -> None:
    with Fixed(200, b"") as primary:
        url = primary.url
    heir_of(url)
    assert not promoting.promote(actor=SYSTEM).was_handed_over


def test_an_heir_that_answers_what_cannot_be_read_has_not_answered(main: Index) -> None:
    with Fixed(200, b"[" * 60_000) as stranger:
        Replica.objects.create(name="far", key_id="k", digest="d", site=uuid4(), may_take_over=True, url=stranger.url)
        assert heirs.ask_all() == ["far"]
        heirs.ask_at_start()
        assert len(stranger.sent) == 2
    assert fences.present() is not None, "nothing is changed while nobody knows"


def test_a_credential_that_cannot_be_opened_keeps_nobody_else_from_being_told(main: Index) -> None:
    for secret in ("broken", ""):
        Takeover.objects.create(
            old_url=f"http://127.0.0.1:9/{secret}",
            old_site=uuid4(),
            secret=secret,
            own_url=FAR,
            epoch=uuid4() if secret else epochs.current().uuid,
            began_after=3,
            began_by="somebody",
            next_at=timezone.now(),
        )
    takeovers.tell_due()
    assert [bool(row.failure) for row in Takeover.objects.all()] == [True, True]
