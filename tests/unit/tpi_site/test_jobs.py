"""The job cluster before its start."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
from django.db.migrations import Migration

from tpi_site import jobs
from tpi_site.kit import pending_migrations
from tpi_site.kit.pending_migrations import Pending

pytestmark = pytest.mark.django_db


def test_it_says_once_a_minute_which_migrations_it_waits_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    slept: list[float] = []

    def pending() -> Pending:
        missing = [Migration("0001_first", "shelf"), Migration("0002_second", "shelf")]
        return Pending(missing if sum(slept) < 90 else [], [])

    monkeypatch.setattr(pending_migrations, "pending", pending)
    monkeypatch.setattr(jobs, "time", SimpleNamespace(sleep=slept.append, monotonic=lambda: sum(slept)))
    with caplog.at_level(logging.WARNING, jobs.__name__):
        jobs._wait_for_migrations()
    told = [record.getMessage() for record in caplog.records if record.name == jobs.__name__]
    assert len(told) == 2
    assert "waits for shelf.0001_first, the first of 2 migrations" in told[0]
