from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Node
from accounts.services import nodes
from tpi_site.kit import leaving
from tpi_site.kit.release import RELEASE
from tpi_site.services.doctor import around
from tpi_site.services.doctor.findings import State

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


def test_two_nodes_of_one_host_name_are_two_rows(settings: Any, tmp_path: Path) -> None:
    names = set()
    for folder in ("one", "two", "one"):
        settings.TPI_DATA_DIR = tmp_path / folder
        settings.TPI_DATA_DIR.mkdir(exist_ok=True)
        nodes.begin()
        names.add(nodes.our_name())
    assert names == set(Node.objects.values_list("name", flat=True))
    assert len(names) == 2
    [other] = names - {nodes.our_name()}
    assert [node.name for node in nodes.namesakes()] == [other]
    verdict = around.other_nodes()
    assert verdict.state is State.WARNING
    assert other in verdict.sentence

    settings.TPI_BIND = "127.0.0.1:9"
    assert nodes.namesakes() == []
    assert around.other_nodes().state is State.GOOD


def test_who_counts_as_serving() -> None:
    nodes.begin()
    _node("a", "9.0")
    _node("silent", "9.0", ago=61)
    _node("left", "9.0", left_at=timezone.now())
    assert {node.name for node in nodes.living()} == {"a", nodes.our_name()}
    assert nodes.has_newer()
    Node.objects.filter(name="a").update(release="0.0.1")
    assert not nodes.has_newer()


def test_a_node_with_more_migrations_is_newer_whatever_its_release_is_called() -> None:
    nodes.begin()
    other = _node("a", RELEASE, migrations=nodes.our_migrations())
    assert not nodes.has_newer()
    Node.objects.filter(pk=other.pk).update(migrations=nodes.our_migrations() | {"indexapp": "9999_later"})
    assert nodes.has_newer()
    Node.objects.filter(pk=other.pk).update(migrations=nodes.our_migrations() | {"indexapp": "0001_initial"})
    assert not nodes.has_newer()


def test_a_node_s_own_clock_makes_it_neither_older_nor_younger(monkeypatch: pytest.MonkeyPatch) -> None:
    really = timezone.now
    for wrong in (-90, 90):
        monkeypatch.setattr(timezone, "now", lambda wrong=wrong: really() + timedelta(seconds=wrong))
        nodes.begin()
        Node.objects.update(seen_at=really() - timedelta(seconds=61))
        assert nodes.living() == []
        assert nodes.beat()
        assert [node.name for node in nodes.living()] == [nodes.our_name()]
        assert abs(Node.objects.get().seen_at - really()) < timedelta(seconds=30)
        assert not nodes.beat()
