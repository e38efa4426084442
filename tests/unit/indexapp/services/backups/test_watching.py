from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import Alarm
from indexapp.models import Backup, Drill
from indexapp.services.backups import drilling, taking, watching
from indexapp.services.backups.drilling import Wish
from tests.factories.backups import make_backup, make_drill
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tpi_site.kit import locking
from tpi_site.kit.errors import Refusal

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def open_alarms() -> set[str]:
    return {*Alarm.objects.filter(ended_at=None).values_list("code", flat=True)}


def test_what_is_late_rings_until_it_comes(settings: Any) -> None:
    settings.TPI_BACKUP_HOURS, settings.TPI_DRILL_DAYS = 24, 30
    now = timezone.now()
    late = make_backup(finished_at=now - timedelta(hours=49))
    make_backup(state=Backup.State.FAILED)
    drill = make_drill(started_at=now - timedelta(days=61))
    make_drill(is_good=False)
    watching.look()
    assert open_alarms() == {"backup-late", "drill-late"}
    Backup.objects.filter(pk=late.pk).update(finished_at=now - timedelta(hours=47))
    Drill.objects.filter(pk=drill.pk).update(started_at=now - timedelta(days=59))
    watching.look()
    assert open_alarms() == set()


def test_an_installation_that_never_had_one_is_given_time(cast: Cast) -> None:
    watching.look()
    assert open_alarms() == set()
    assert watching.ages() == watching.outcomes() == {}


def test_the_figures_are_those_of_the_last() -> None:
    make_backup(finished_at=timezone.now() - timedelta(seconds=100))
    make_backup(state=Backup.State.FAILED)
    make_drill()
    assert watching.outcomes() == {("backup",): 0.0, ("drill",): 1.0}
    assert 100 <= watching.ages()[("backup",)] < 160


@pytest.fixture
def begun(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that jobs would start."""
    settings.TPI_BACKUP_URL, settings.TPI_BACKUP_KEEP = str(tmp_path / "backups"), 7
    found: list[list[str]] = []
    monkeypatch.setattr(watching, "_begin", found.append)
    return found


def test_the_job_makes_a_full_one_a_week_and_incremental_ones_between(begun: list[list[str]], settings: Any) -> None:
    full = ["backup", settings.TPI_BACKUP_URL, "--keep", "7"]
    watching.start_backup()
    make_backup(place="file:///elsewhere")
    watching.start_backup()
    ours = make_backup(place=f"file://{settings.TPI_BACKUP_URL}")
    watching.start_backup()
    Backup.objects.filter(pk=ours.pk).update(started_at=timezone.now() - timedelta(days=8))
    watching.start_backup()
    assert begun == [full, full, [*full, "--incremental"], full]


def test_the_job_drills_when_there_is_a_backup(begun: list[list[str]], settings: Any) -> None:
    assert watching.start_drill() == []
    make_backup(place=f"file://{settings.TPI_BACKUP_URL}")
    assert watching.start_drill() == begun[0] == ["drill", settings.TPI_BACKUP_URL]


@pytest.fixture
def dead(begun: list[list[str]], settings: Any) -> tuple[Backup, Drill]:
    """A backup and a drill whose processes are no more, and which have said nothing."""
    place, ago = f"file://{settings.TPI_BACKUP_URL}", timezone.now() - timedelta(minutes=16)
    make_backup(place=place)
    running = {"state": Backup.State.RUNNING, "finished_at": None, "lease_until": ago + timedelta(minutes=15)}
    backup = make_backup(place=place, started_at=ago, **running)
    return backup, make_drill(place=settings.TPI_BACKUP_URL, started_at=ago, is_good=False, report_sha256="")


def test_what_died_is_noted_rings_and_is_started_again_once(
    dead: tuple[Backup, Drill], begun: list[list[str]], settings: Any
) -> None:
    watching.look()
    assert open_alarms() == {"backup-failed", "drill-failed"}
    for each in dead:
        each.refresh_from_db()
        assert "killed" in each.sentence
    assert (dead[0].state, dead[0].lease_until) == (Backup.State.FAILED, None)
    incremental = ["backup", settings.TPI_BACKUP_URL, "--keep", "7", "--incremental"]
    assert begun == [incremental, ["drill", settings.TPI_BACKUP_URL]]
    watching.look()
    assert len(begun) == 2


def test_what_still_goes_on_is_left_alone(dead: tuple[Backup, Drill], begun: list[list[str]]) -> None:
    """Who copies one large content renews no lease meanwhile, and has the lock."""
    with held(taking.LOCK), held(drilling.LOCK):
        watching.look()
        assert open_alarms() == set()
    Backup.objects.update(lease_until=timezone.now() + timedelta(minutes=5))
    Drill.objects.update(started_at=timezone.now())
    watching.look()
    assert (begun, open_alarms()) == ([], set())


@contextmanager
def held(name: str) -> Iterator[None]:
    """Have the lock as another process has it, on a connection or a descriptor of its own."""
    ready, ending = Event(), Event()

    def hold() -> None:
        try:
            with locking.alone(name):
                ready.set()
                ending.wait()
        finally:
            connection.close()

    thread = Thread(target=hold)
    thread.start()
    ready.wait()
    try:
        yield
    finally:
        ending.set()
        thread.join()


def test_a_drill_without_a_backup_fails_and_rings(tmp_path: Path, cast: Cast) -> None:
    row = drilling.drill(actor=SYSTEM, wish=Wish(str(tmp_path)))
    assert not row.is_good
    assert "There is no backup" in row.sentence
    assert open_alarms() == {"drill-failed"}
    for role in ("auditor", "security_officer", "team_admin"):
        with pytest.raises(Refusal):
            drilling.drill(actor=cast.actor(role), wish=Wish(str(tmp_path)))
    assert Drill.objects.count() == 1
