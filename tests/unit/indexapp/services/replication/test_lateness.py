"""What lasts too long with replicas rings, on both sides, and is over when it is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Alarm
from indexapp import tasks
from indexapp.models import Change, Following, Index, Replica, WantedBlob
from indexapp.services.replication import epochs, lateness
from indexapp.services.replication.lateness import INCOMPLETE, LAGGING, SILENT
from tests.factories.publishing import published
from tests.factories.replication import make_following, make_replica
from tpi_site.kit import gauges

pytestmark = [pytest.mark.django_db, pytest.mark.database]
LONG_AGO = timedelta(hours=3)


def ringing() -> set[tuple[str, str]]:
    tasks.watch_replication()
    return set(Alarm.objects.filter(ended_at=None).values_list("code", "subject"))


def follow(**values: Any) -> None:
    Following.objects.update(**values)


@pytest.fixture
def following() -> Following:
    now = timezone.now()
    return make_following(cursor=10, primary_serial=10, contact_at=now)


@pytest.fixture
def wanted() -> WantedBlob:
    made: WantedBlob = WantedBlob.objects.create(sha256="a" * 64, size=5, next_at=timezone.now())
    return made


@pytest.mark.usefixtures("following")
def test_a_replica_in_step_is_quiet() -> None:
    assert ringing() == set()


@pytest.mark.usefixtures("following")
def test_a_replica_that_does_not_get_on_rings_until_it_does() -> None:
    follow(primary_serial=20)
    assert ringing() == set(), "it was not behind a moment ago"
    row = Following.objects.get()
    assert row.awaited_serial == 20
    assert row.behind_since is not None
    follow(behind_since=timezone.now() - LONG_AGO, cursor=19, primary_serial=50)
    assert ringing() == {(LAGGING, "")}
    assert "(serial 20) is not here yet" in Alarm.objects.get().sentence
    assert ringing() == {(LAGGING, "")}
    assert Alarm.objects.get().count == 1, "it is one alarm, however often one looks"
    follow(cursor=20)
    assert ringing() == set(), "it has come as far as the primary was; what is new is timed anew"
    assert Following.objects.get().awaited_serial == 50
    follow(cursor=50)
    ringing()
    assert Following.objects.get().behind_since is None


@pytest.mark.usefixtures("following")
def test_a_replica_of_a_busy_primary_is_not_late() -> None:
    """It is always some serials behind, and has always what the primary had before."""
    for serial in range(20, 60, 10):
        follow(cursor=serial - 3, primary_serial=serial, contact_at=timezone.now())
        assert ringing() == set()
        Following.objects.exclude(behind_since=None).update(behind_since=timezone.now() - timedelta(minutes=2))
    assert Following.objects.get().awaited_serial == 50


@pytest.mark.usefixtures("following")
def test_contents_that_do_not_come_ring_until_they_do(wanted: WantedBlob) -> None:
    assert ringing() == set()
    follow(incomplete_since=timezone.now() - LONG_AGO)
    later = WantedBlob.objects.create(sha256="b" * 64, size=5, next_at=timezone.now())
    assert ringing() == {(INCOMPLETE, "")}
    wanted.delete()
    assert ringing() == set(), "newer ones are timed by themselves"
    assert Following.objects.get().awaited_blob == later.pk
    later.delete()
    ringing()
    assert Following.objects.get().incomplete_since is None


@pytest.mark.usefixtures("following")
def test_a_primary_that_does_not_answer_rings_and_the_alarm_says_why() -> None:
    follow(contact_at=timezone.now() - LONG_AGO, failing_since=timezone.now(), failure="It is away.")
    assert ringing() == {(SILENT, "")}
    assert "It is away." in Alarm.objects.get().sentence
    follow(contact_at=timezone.now())
    assert ringing() == set()


@pytest.mark.usefixtures("following")
def test_who_is_paused_or_has_left_is_not_late() -> None:
    follow(contact_at=timezone.now() - LONG_AGO)
    assert ringing() == {(SILENT, "")}
    follow(is_paused=True)
    assert ringing() == set()
    follow(is_paused=False)
    assert ringing() == {(SILENT, "")}
    Following.objects.all().delete()
    assert ringing() == set()


def test_the_primary_rings_for_each_of_its_replicas(main: Index) -> None:
    published(main)
    newest, now = epochs.newest_serial(), timezone.now()
    past = now - LONG_AGO
    make_replica("invited")
    make_replica("abreast", seen_at=now, serial=newest)
    make_replica("silent", seen_at=past, serial=newest)
    make_replica("late", seen_at=now, serial=0)
    make_replica("lacking", seen_at=now, serial=newest, missing_blobs=2, missing_bytes=7, incomplete_since=past)
    assert ringing() == {(SILENT, "silent"), (INCOMPLETE, "lacking")}
    Change.objects.update(at=past)
    assert ringing() == {(SILENT, "silent"), (INCOMPLETE, "lacking"), (LAGGING, "late")}
    Replica.objects.filter(name="late").update(serial=newest)
    Replica.objects.filter(name="silent").delete()
    assert ringing() == {(INCOMPLETE, "lacking")}


@pytest.mark.usefixtures("following")
def test_no_minutes_mean_never(settings: Any) -> None:
    follow(contact_at=timezone.now() - LONG_AGO)
    make_replica("silent", seen_at=timezone.now() - LONG_AGO)
    settings.TPI_REPLICA_CONTACT_MINUTES = 0
    assert ringing() == set()
    settings.TPI_REPLICA_CONTACT_MINUTES = 1
    assert ringing() == {(SILENT, ""), (SILENT, "silent")}


def test_other_alarms_are_left_alone() -> None:
    from accounts.services import alarms

    alarms.ring("replica-wrong-bytes", "Others.", subject="a" * 64)
    assert ringing() == {("replica-wrong-bytes", "a" * 64)}
    assert lateness.look() == 0


def metrics() -> dict[str, float]:
    lines = [line for line in gauges.text().decode().splitlines() if line.startswith("tpi_repli")]
    return {name: float(figure) for name, _, figure in (line.rpartition(" ") for line in lines)}


def test_the_metrics_of_a_primary(main: Index) -> None:
    published(main)
    newest = epochs.newest_serial()
    make_replica("invited")
    make_replica("far", seen_at=timezone.now(), serial=newest - 1, missing_blobs=2, missing_bytes=7)
    found = metrics()
    assert {name for name in found if not name.startswith("tpi_replica_")} == {
        'tpi_replication_role{role="primary"}',
        "tpi_replication_epoch",
    }
    assert found['tpi_replica_serials_behind{replica="far"}'] == 1
    assert found['tpi_replica_missing_contents{replica="far"}'] == 2
    assert found['tpi_replica_missing_bytes{replica="far"}'] == 7
    assert 0 <= found['tpi_replica_contact_age_seconds{replica="far"}'] < 60
    assert 0 < found['tpi_replica_metadata_age_seconds{replica="far"}'] < 60
    assert not [name for name in found if "invited" in name]


@pytest.mark.usefixtures("wanted")
def test_the_metrics_of_a_replica() -> None:
    now = timezone.now()
    make_following(cursor=10, primary_serial=14, contact_at=now - LONG_AGO, failing_since=now, is_paused=True)
    found = metrics()
    assert found['tpi_replication_role{role="replica"}'] == 1
    assert found["tpi_replication_epoch"] == 1
    assert found["tpi_replication_serials_behind"] == 4
    assert found["tpi_replication_missing_contents"] == 1
    assert found["tpi_replication_missing_bytes"] == 5
    assert found["tpi_replication_contact_age_seconds"] >= LONG_AGO.total_seconds()
    assert (found["tpi_replication_paused"], found["tpi_replication_failing"]) == (1, 1)
    assert found["tpi_replication_metadata_age_seconds"] == 0
