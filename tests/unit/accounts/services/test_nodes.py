from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import migrations
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from accounts.models import Node
from accounts.services import nodes
from tpi_site.kit import leaving
from tpi_site.kit.errors import Conflict
from tpi_site.kit.release import RELEASE

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def _node(name: str, release: str, *, ago: int = 5, **more: Any) -> Node:
    now = timezone.now()
    return Node.objects.create(name=name, release=release, started_at=now, seen_at=now - timedelta(seconds=ago), **more)


def _aged(seconds: int) -> datetime:
    seen: datetime = timezone.now() - timedelta(seconds=seconds)
    Node.objects.update(seen_at=seen)
    return seen


def test_a_node_writes_its_row_every_ten_seconds_and_no_more_often() -> None:
    nodes.begin()
    row = Node.objects.get()
    assert (row.name, row.release) == (nodes.our_name(), RELEASE)
    assert row.migrations["accounts"] >= "0013"
    assert not any(nodes.beat() for _ in range(5))
    seen = _aged(11)
    assert [nodes.beat() for _ in range(3)] == [True, False, False]
    assert Node.objects.get().seen_at > seen


def test_a_node_that_leaves_says_so_at_once_and_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    nodes.begin()
    leaving.begin()
    assert [nodes.beat() for _ in range(2)] == [True, False]
    assert Node.objects.get().left_at is not None
    (tmp_path / "leaving").unlink()
    nodes.begin()
    assert Node.objects.get().left_at is None


def test_who_counts_as_serving() -> None:
    nodes.begin()
    _node("a", "9.0")
    _node("silent", "9.0", ago=61)
    _node("left", "9.0", left_at=timezone.now())
    assert [node.name for node in nodes.others()] == ["a"]
    assert nodes.has_newer()
    Node.objects.filter(name="a").update(release="0.0.1")
    assert not nodes.has_newer()


class _Contracting(migrations.Migration):
    contracts = True


def _plan(*, contracts: bool) -> list[Any]:
    kind = _Contracting if contracts else migrations.Migration
    return [(kind("0099_drop_something", "accounts"), False)]


def test_a_contracting_migration_waits_for_older_nodes() -> None:
    nodes.begin()
    nodes.require_no_older(_plan(contracts=True))
    _node("old", "0.0.1")
    nodes.require_no_older(_plan(contracts=False))
    with pytest.raises(Conflict, match=r"accounts\.0099_drop_something .* old \(0\.0\.1\)"):
        nodes.require_no_older(_plan(contracts=True))
    _aged(61)
    nodes.require_no_older(_plan(contracts=True))


def test_migrate_itself_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    _node("old", "0.0.1")
    monkeypatch.setattr(MigrationExecutor, "migration_plan", lambda *_, **__: _plan(contracts=True))
    with pytest.raises(CommandError, match="Upgrade or stop them first"):
        call_command("migrate", verbosity=0)
