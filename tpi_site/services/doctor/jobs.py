"""The queue: whether a job that is put there runs."""

from __future__ import annotations

import time
from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from django_q.models import Failure, OrmQ, Schedule, Success

from tpi_site.kit.queue import enqueue
from tpi_site.services.doctor.findings import Verdict, failing, good, warning

WAITS = 8.0
"""Seconds that the job may take."""
_PAUSE = 0.2
_ALIVE = timedelta(minutes=5)
"""Some jobs run every minute, so that one must have ended lately where a cluster runs."""
_BEGINNING = timedelta(minutes=2)
_LATE = timedelta(minutes=15)
_START = "Start 'python -m tpi_site.serve' on a node; its first job comes after half a minute."


def answer() -> str:
    """The job that is put on the queue."""
    return "ran"


def queue() -> Verdict:
    """A job is put on the queue and waited for, where a cluster is alive at all."""
    waiting = OrmQ.objects.count()
    if not _is_alive():
        if _has_just_begun():
            return warning("No job has ended yet; those by the clock are due.", "Look again in a minute.")
        minutes = int(_ALIVE.total_seconds() // 60)
        return failing(f"No job has ended in the last {minutes} minutes; {waiting} are waiting.", _START)
    began = time.monotonic()
    job = enqueue("tpi_site.services.doctor.jobs.answer", name="doctor")
    while time.monotonic() - began < WAITS:
        if Success.objects.filter(name=job).exists():
            Success.objects.filter(name=job).delete()
            return good(f"A job ran within {time.monotonic() - began:.1f} seconds; {waiting} were waiting.")
        time.sleep(_PAUSE)
    if OrmQ.objects.filter(lock__gt=timezone.now()).exists():
        return warning(
            f"A job did not run within {WAITS:.0f} seconds; another is running, and {waiting} were waiting.",
            "Look again when it has ended; the console's lists of jobs tell which it is.",
        )
    return failing(f"A job did not run within {WAITS:.0f} seconds; {waiting} were waiting.", _START)


def _is_alive() -> bool:
    since = timezone.now() - _ALIVE
    is_working = OrmQ.objects.filter(
        lock__gt=timezone.now(), lock__lt=timezone.now() + timedelta(seconds=_lease())
    ).exists()
    return bool(is_working or Success.objects.filter(stopped__gt=since).exists())


def _has_just_begun() -> bool:
    """Whether jobs by the clock are due since a moment only: a cluster takes its first ones after half a minute."""
    oldest = Schedule.objects.exclude(repeats=0).order_by("next_run").values_list("next_run", flat=True).first()
    return oldest is not None and bool(oldest > timezone.now() - _BEGINNING)


def _lease() -> int:
    return max(settings.TPI_JOB_LEASE_SECONDS, 2 * settings.TPI_DRAIN_SECONDS)


def schedules() -> Verdict:
    """Jobs that come by the clock and are late, and those that failed in the last day."""
    now = timezone.now()
    late = sorted(Schedule.objects.filter(next_run__lt=now - _LATE).exclude(repeats=0).values_list("name", flat=True))
    if late:
        return failing(f"These are more than 15 minutes late: {', '.join(map(str, late[:5]))}.", _START)
    if not Schedule.objects.exists():
        return failing("No job comes by the clock.", "Run: manage.py prepare")
    failed = Failure.objects.filter(stopped__gt=now - timedelta(days=1)).count()
    if failed:
        return warning(f"{failed} jobs failed in the last day.", "See Failed jobs in the console.")
    return good("Nothing is late, and no job failed in the last day.")
