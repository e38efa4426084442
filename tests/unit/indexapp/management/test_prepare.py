from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from django_q.models import Schedule

from accounts.models import Node, SharedSecret
from accounts.services import nodes
from tpi_site.kit import schedules, static_files

pytestmark = [pytest.mark.django_db]


@pytest.fixture(autouse=True)
def _apart(settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.TPI_DATA_DIR = tmp_path
    monkeypatch.setattr(static_files, "collect", lambda: None)  # which takes seconds and has nothing to do with it


def _names() -> set[str]:
    return set(Schedule.objects.values_list("name", flat=True))


def test_an_older_node_leaves_the_schedules_of_a_newer_one_alone() -> None:
    call_command("prepare")
    ours = _names()
    assert {f"tpi:{name}" for name in schedules.declared()} == ours
    now = timezone.now()
    newer = Node.objects.create(name="newer", release="99.0", started_at=now, seen_at=now)
    Schedule.objects.create(name="tpi:of the next release", func="accounts.tasks.unknown")

    call_command("prepare")
    assert _names() == ours | {"tpi:of the next release"}

    Node.objects.filter(pk=newer.pk).update(seen_at=now - timedelta(minutes=2))
    call_command("prepare")
    assert _names() == ours


def test_a_start_says_that_the_node_serves_and_what_it_shares() -> None:
    call_command("prepare")
    assert not Node.objects.exists(), "a job that only prepares does not serve, and nobody waits for it"
    call_command("prepare", serving=True)
    assert Node.objects.get().name == nodes.our_name()
    assert SharedSecret.objects.filter(name="TPI_SECRET_KEY").exists()
