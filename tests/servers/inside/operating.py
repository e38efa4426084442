"""Jobs, the audit log's receivers, drills and read-only mode."""

from __future__ import annotations

from typing import Any


def drills() -> list[tuple[bool, list[str]]]:
    """Whether each drill was good, the newest first, beside the codes of the open alarms."""
    from accounts.models import Alarm
    from indexapp.models import Drill

    codes = list(Alarm.objects.filter(ended_at=None).values_list("code", flat=True))
    return [(row.is_good, codes) for row in Drill.objects.order_by("-pk")]


def audit_sink(**values: Any) -> None:
    """A receiver of the audit log from its beginning; one of this name is at the address from now on."""
    from accounts.domain.actors import internal
    from accounts.models import AuditSink
    from accounts.services import audit_sinks

    if sink := AuditSink.objects.filter(name=values["name"]).first():
        audit_sinks.change(actor=internal("test"), sink=sink, address=values["address"])
    else:
        audit_sinks.create(actor=internal("test"), from_the_beginning=True, **values)


def audit_entries(count: int) -> None:
    """So many entries more."""
    from django.db import transaction

    from accounts.domain.actors import internal
    from accounts.services import audit

    with transaction.atomic(), audit.together():
        for number in range(count):
            audit.record(actor=internal("test"), action="test.act", object_type="thing", object_name=f"thing {number}")


def deliver_audit(hours: int = 0) -> int:
    """What the scheduled job does so many hours from now."""
    from datetime import timedelta

    from django.utils import timezone

    from accounts.services import audit_delivery

    return audit_delivery.deliver_all(timezone.now() + timedelta(hours=hours))


def read_only(is_on: bool) -> None:
    """Switch read-only mode."""
    from accounts.domain.actors import internal
    from accounts.services import read_only as switch

    actor = internal("test")
    if is_on:
        switch.turn_on(actor=actor, reason="a test")
    else:
        switch.turn_off(actor=actor)


def enqueue_a_job() -> str:
    """A job that does next to nothing; returns its id."""
    from django_q.tasks import async_task

    job: str = async_task("math.sqrt", 4.0)
    return job


def enqueue_jobs(count: int) -> list[str]:
    """So many of those."""
    return [enqueue_a_job() for _ in range(count)]


def enqueue_a_slow_job(seconds: float) -> str:
    """A job that takes so long."""
    from django_q.tasks import async_task

    job: str = async_task("time.sleep", seconds)
    return job


def schedule_at_once(rounds: int) -> None:
    """Two schedulers at the same moment, so often, with a schedule (``race``) that is always due."""
    from concurrent.futures import ThreadPoolExecutor
    from datetime import timedelta
    from threading import Barrier

    from django.db import connections
    from django.utils import timezone
    from django_q.models import Schedule
    from django_q.scheduler import scheduler

    barrier = Barrier(2)

    def one() -> None:
        connections["default"].ensure_connection()
        barrier.wait()
        scheduler()
        connections.close_all()

    row = Schedule.objects.create(
        name="race", func="math.sqrt", args="4.0", schedule_type=Schedule.HOURLY, next_run=timezone.now()
    )
    with ThreadPoolExecutor(2) as pool:
        for _ in range(rounds):
            Schedule.objects.filter(pk=row.pk).update(next_run=timezone.now() - timedelta(minutes=1))
            for done in [pool.submit(one), pool.submit(one)]:
                done.result()
    row.delete()


def job_has_run(job: str) -> bool:
    """Whether it has ended."""
    from django_q.models import Task

    return bool(Task.objects.filter(id=job, success=True).exists())
