"""Whether backups and drills come as they should: jobs that start them, alarms when they are late, and figures."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from accounts.models import AuditEntry
from accounts.services import alarms
from indexapp.models import Backup, Drill
from indexapp.services.backups import drilling, places, taking
from indexapp.storage.telling import told
from tpi_site.kit import locking

_FULL_EVERY = timedelta(days=7)
_DRILL_BEGINS = timedelta(minutes=10)
"""A drill has its lock long before."""
_DIED = "Its process was killed, or its machine stopped; where it came by the clock it is started again."
_GOOD = (Backup.State.DONE, Backup.State.DAMAGED)


def start_backup() -> list[str]:
    """Let a process of its own make the scheduled backup, which may take longer than any job; returns its command.

    Most are incremental; once a week a full one reads again all that lies at the place.
    """
    command = ["backup", settings.TPI_BACKUP_URL, "--keep", str(settings.TPI_BACKUP_KEEP)]
    ours = Backup.objects.filter(state__in=_GOOD, place__in=_spellings())
    if ours.filter(kind=Backup.Kind.FULL, started_at__gt=timezone.now() - _FULL_EVERY).exists():
        command.append("--incremental")
    _begin(command)
    return command


def start_drill() -> list[str]:
    """The same for a drill, once there is something to restore."""
    if not Backup.objects.filter(state__in=_GOOD, place__in=_spellings()).exists():
        return []
    command = ["drill", settings.TPI_BACKUP_URL]
    _begin(command)
    return command


def _spellings() -> list[str]:
    return [places.at(settings.TPI_BACKUP_URL, is_made=True).address]


def _begin(command: list[str]) -> None:
    """Start a command that goes on when the job that started it has ended."""
    subprocess.Popen(
        [sys.executable, str(settings.BASE_DIR / "manage.py"), *command],
        cwd=settings.BASE_DIR,
        env=os.environ | {"TPI_LOG_FORMAT": "json"},  # what it says goes to the server's log
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


def look() -> None:
    """Note what died and start it again; ring for what is late, by twice the time that it should take at most."""
    _mourn()
    _ring_when_late(taking.LATE, "backup", last_backup(), timedelta(hours=2 * settings.TPI_BACKUP_HOURS))
    if settings.TPI_DRILL_DAYS:
        _ring_when_late(drilling.LATE, "drill", last_drill(), timedelta(days=2 * settings.TPI_DRILL_DAYS))


def _mourn() -> None:
    """A process that was killed, with its machine or by a restart of the service, could not say so itself."""
    now = timezone.now()
    dead = Backup.objects.filter(state=Backup.State.RUNNING, lease_until__lte=now)
    if (backup := dead.last()) and locking.is_free(taking.LOCK):
        dead.update(state=Backup.State.FAILED, finished_at=now, lease_until=None, sentence=_DIED)
        alarms.ring(taking.FAILED, f"The backup {backup.name} ended without a word. {_DIED}")
        if settings.TPI_BACKUP_URL and backup.place in _spellings():
            start_backup()
    lost = Drill.objects.filter(report_sha256="", started_at__lte=now - _DRILL_BEGINS)
    if (drill := lost.last()) and locking.is_free(drilling.LOCK):
        lost.update(report_sha256=drilling.NO_REPORT, sentence=_DIED)
        alarms.ring(
            drilling.FAILED, f"The drill of {drill.started_at:%Y-%m-%d %H:%M} UTC ended without a word. {_DIED}"
        )
        if settings.TPI_BACKUP_URL and drill.place == told(settings.TPI_BACKUP_URL)[:400]:
            start_drill()


def last_backup() -> datetime | None:
    """When the last backup was finished."""
    rows = Backup.objects.filter(state__in=_GOOD).order_by("-finished_at")
    return rows.values_list("finished_at", flat=True).first()


def last_drill() -> datetime | None:
    """When the last good drill began."""
    return Drill.objects.filter(is_good=True).order_by("-started_at").values_list("started_at", flat=True).first()


def _ring_when_late(code: str, word: str, last: datetime | None, most: timedelta) -> None:
    since = last or AuditEntry.objects.order_by("pk").values_list("at", flat=True).first() or timezone.now()
    if timezone.now() - since <= most:
        alarms.settle(code)
        return
    when = f"The last good {word} was {last:%Y-%m-%d %H:%M} UTC" if last else f"There has been no good {word}"
    alarms.ring(code, f"{when}; see 'manage.py {word}' and docs/backup.md.")


def ages() -> dict[tuple[str, ...], float]:
    """For the metrics: seconds since the last good backup and drill; what has never been is left out."""
    found = {("backup",): last_backup(), ("drill",): last_drill()}
    return {label: (timezone.now() - moment).total_seconds() for label, moment in found.items() if moment}


def outcomes() -> dict[tuple[str, ...], float]:
    """For the metrics: whether the last backup and drill were good."""
    backup = Backup.objects.exclude(state=Backup.State.RUNNING).order_by("-pk").first()
    drill = Drill.objects.exclude(report_sha256="").order_by("-pk").first()
    found: dict[tuple[str, ...], float] = {}
    if backup is not None:
        found[("backup",)] = float(backup.state == Backup.State.DONE)
    if drill is not None:
        found[("drill",)] = float(drill.is_good)
    return found
