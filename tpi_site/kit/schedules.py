"""The jobs that run by the clock; apps declare theirs, ``prepare`` writes them for the job cluster."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone
from django_q.models import Schedule


@dataclass(frozen=True)
class Job:
    """A function by its dotted path, and how often it runs."""

    name: str
    function: str
    every_minutes: int


_jobs: dict[str, Job] = {}


def declare(name: str, function: str, *, every_minutes: int) -> None:
    """Register a job; called from an app's ``ready()``."""
    _jobs[name] = Job(name, function, every_minutes)


def declared() -> dict[str, Job]:
    """The jobs by their names."""
    return dict(_jobs)


def write() -> None:
    """Make the stored schedules equal the declared jobs; an operator's pause (``repeats`` 0) is kept.

    What is stored and not declared is of an older release; nodes of a newer one must not serve, whose it would be else.
    """
    stored = {row.name: row for row in Schedule.objects.filter(name__startswith="tpi:")}
    for job in _jobs.values():
        row = stored.pop(f"tpi:{job.name}", None)
        if row is None:
            Schedule.objects.create(
                name=f"tpi:{job.name}",
                func=job.function,
                schedule_type=Schedule.MINUTES,
                minutes=job.every_minutes,
                next_run=timezone.now(),
                repeats=-1,
            )
        elif (row.func, row.minutes) != (job.function, job.every_minutes):
            Schedule.objects.filter(pk=row.pk).update(func=job.function, minutes=job.every_minutes)
    for row in stored.values():
        row.delete()
