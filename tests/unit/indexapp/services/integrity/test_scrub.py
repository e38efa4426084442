"""The rolling scrub: all bytes in their turn, within a time and a bandwidth, and damage is told like fsck's."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import Alarm
from indexapp import tasks
from indexapp.models import Blob, File, ScrubCount
from indexapp.services.integrity import objects, scrub, verification
from indexapp.storage import default_storage
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.publishing import published
from tests.unit.indexapp.services.integrity.spoiling import flip, spoil
from tests.unit.indexapp.services.integrity.test_checking import fsck
from tpi_site.kit import gauges

pytestmark = [pytest.mark.database, pytest.mark.django_db]

DAY = timedelta(days=1)


def age(days: float, **which: Any) -> None:
    """Let blobs be as old, never having been read since."""
    Blob.objects.filter(**which).update(created_at=timezone.now() - days * DAY, verified_at=None)


@pytest.fixture
def files(cast: Cast) -> list[File]:
    """Three wheels with their metadata: six contents, put 40, 39 and 38 days ago."""
    made = [published(cast.index, build_wheel(version=f"{number}.0")) for number in range(3)]
    for number, file in enumerate(made):
        age(40 - number, pk__in=[file.blob_id, file.metadata_blob_id])
    return made


def test_what_is_due_is_read_once(files: list[File]) -> None:
    assert verification.oldest_age().days == 40
    done = scrub.run(actor=SYSTEM)
    assert (done.blobs, done.bytes, done.faults) == (6, sum(blob.size for blob in Blob.objects.all()), [])
    assert verification.oldest_age() < DAY
    assert scrub.run(actor=SYSTEM).blobs == 0
    kept = ScrubCount.objects.get()
    assert (kept.blobs, kept.bytes) == (6, done.bytes)
    assert kept.last_run_at is not None


def test_a_run_ends_and_the_next_goes_on_where_it_ended(files: list[File]) -> None:
    read: list[int] = []
    while (done := scrub.run(actor=SYSTEM, seconds=0)).blobs:
        assert done.blobs == 1
        read += Blob.objects.filter(verified_at__isnull=False).order_by("-verified_at").values_list("pk", flat=True)[:1]
        assert len(read) <= 6
    assert sorted(read) == sorted(Blob.objects.values_list("pk", flat=True))
    assert set(read[:2]) == {files[0].blob_id, files[0].metadata_blob_id}, "the oldest came first"


def test_damage_is_held_back_alarmed_and_keeps_nothing_else_waiting(files: list[File]) -> None:
    spoil(files[0], flip(-1))
    done = scrub.run(actor=SYSTEM)
    assert [(fault.code.value, fault.subject) for fault in done.faults] == [("blob-corrupt", files[0].sha256)]
    assert list(Blob.objects.filter(damaged_at__isnull=False)) == [files[0].blob]
    assert [alarm.code for alarm in Alarm.objects.filter(ended_at=None)] == ["blob-damaged"]
    assert Blob.objects.filter(verified_at__isnull=False).count() == 5
    assert b"tpi_blobs_damaged 1.0" in gauges.text()
    assert scrub.run(actor=SYSTEM).blobs == 0


def test_a_key_that_does_not_fit_is_alarmed_and_the_rest_is_read(files: list[File]) -> None:
    first, second = files[0].blob, files[1].blob
    Blob.objects.filter(pk=first.pk).update(sealed_key=second.sealed_key)
    done = scrub.run(actor=SYSTEM)
    assert ([fault.code.value for fault in done.faults], done.blobs) == (["key-wrong"], 6)
    assert [alarm.code for alarm in Alarm.objects.filter(ended_at=None)] == ["blob-key"]
    Blob.objects.filter(pk=first.pk).update(sealed_key=first.sealed_key)
    assert scrub.run(actor=SYSTEM).blobs == 1
    assert not Alarm.objects.filter(ended_at=None).exists()


def test_a_disk_that_goes_away_meanwhile_holds_nothing_back(
    cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        published(cast.index, build_wheel(version=f"{number}.0"))
    age(40)
    really, calls = objects.examine, list[int]()

    def examining(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            (tmp_path / "files" / "blobs").rename(tmp_path / "elsewhere")
        return really(*arguments, **options)

    monkeypatch.setattr(scrub, "examine", examining)
    done = scrub.run(actor=SYSTEM)
    assert "see whether TPI_STORAGE_URL is right" in done.sentence
    assert not Blob.objects.filter(damaged_at__isnull=False).exists()
    assert Blob.objects.filter(verified_at__isnull=False).count() == 2, "what was read before is noted"


def test_fsck_deep_counts_too_and_without_deep_it_does_not(files: list[File]) -> None:
    assert fsck()[0] == 0
    assert verification.oldest_age().days == 40
    assert fsck("--deep")[0] == 0
    assert scrub.run(actor=SYSTEM).blobs == 0


def test_it_can_be_turned_off(files: list[File], settings: Any) -> None:
    settings.TPI_SCRUB_DAYS = 0
    assert "turned off" in tasks.scrub_blobs()
    assert not Blob.objects.filter(verified_at__isnull=False).exists()


def test_the_bandwidth_is_bounded_within_a_content(cast: Cast, settings: Any) -> None:
    waited: list[float] = []
    now = [100.0]

    def wait(seconds: float) -> None:
        waited.append(seconds)
        now[0] += seconds

    pace = scrub.Bandwidth(1000, lambda: now[0], wait)
    for _ in range(10):
        pace(500)
    assert sum(waited) == pytest.approx(5.0)
    now[0] += 100
    pace(500)
    assert len(waited) == 10, "time that went by is not waited for"

    file = published(cast.index, build_wheel(files={"noise.bin": bytes(range(256)) * 4000}))
    seen: list[int] = []
    assert objects.examine(file.blob, default_storage(), deep=True, pace=seen.append) is None
    assert sum(seen) == file.size


def test_a_content_too_large_for_the_bandwidth_is_read_within_a_job_s_time(
    cast: Cast, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its job would be killed at its time-out again and again, and what comes after it never be read."""
    now, limits = [100.0], list[int]()
    really = scrub.Bandwidth

    def wait(seconds: float) -> None:
        now[0] += seconds

    def made(limit: int, *_: Any) -> scrub.Bandwidth:
        limits.append(limit)
        return really(limit, lambda: now[0], wait)

    monkeypatch.setattr(scrub, "Bandwidth", made)
    settings.TPI_SCRUB_MB_PER_SECOND = 1
    settings.Q_CLUSTER = settings.Q_CLUSTER | {"timeout": 4}
    large = published(cast.index, build_wheel(files={"noise.bin": random.Random(1).randbytes(6 * 2**20)}))
    age(40)
    done = scrub.run(actor=SYSTEM)
    assert (done.blobs, done.faults) == (2, [])
    assert max(limits) == pytest.approx(large.size / 2, abs=1), "the one alone, in half of the time"
    assert 1.9 < now[0] - 100 < 4
    assert limits[0] == 2**20


def test_the_oldest_is_found_at_the_end_of_an_index(files: list[File]) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off"
            )
    plan = verification.by_age().values_list("seen", flat=True)[:1].explain()
    assert "blob_by_verification" in plan
    assert "TEMP B-TREE" not in plan


def test_operators_see_how_far_it_is(files: list[File], cast: Cast, client: Client) -> None:
    def card(person: str) -> str:
        client.force_login(cast.user(person))
        return client.get("/admin/").content.decode()

    assert "Days since the oldest was verified" in card("operator")
    assert "Days since the oldest was verified" not in card("team_admin")
    assert tasks.scrub_blobs().startswith("6 contents (")
    assert b"tpi_scrubbed_bytes %s" % str(float(ScrubCount.objects.get().bytes)).encode() in gauges.text()
