"""Jobs enter the queue with the commit of what asked for them."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from django_q.models import OrmQ

from tpi_site.kit import queue

pytestmark = pytest.mark.django_db


def test_a_job_waits_after_the_commit_and_not_before(django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        job = queue.enqueue("math.sqrt", 4.0, name="root")
        assert not OrmQ.objects.exists()
    [waiting] = OrmQ.objects.all()
    assert job.startswith("root ")
    task = waiting.task
    assert (task["name"], task["func"], task["args"]) == (job, "math.sqrt", (4.0,))


def test_what_is_undone_asks_for_nothing(django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        queue.enqueue("math.sqrt", 4.0, name="root")
        transaction.set_rollback(True)
    assert not OrmQ.objects.exists()


def test_two_jobs_have_two_names() -> None:
    assert queue.enqueue("math.sqrt", 4.0, name="root") != queue.enqueue("math.sqrt", 4.0, name="root")
