"""A release with a migration that adds and one that takes away, beside nodes that know neither."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

import accounts.migrations
from accounts import tasks
from accounts.models import Node
from accounts.services import nodes
from tests import evidence
from tpi_site import health
from tpi_site.kit import static_files
from tpi_site.kit.pending_migrations import pending

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

_MIGRATION = """
from django.db import migrations

class Migration(migrations.Migration):
    dependencies = [("accounts", "{after}")]
    contracts = {contracts}
    operations = [migrations.RunSQL("{forwards}", "{backwards}")]
"""
_LAST = nodes.our_migrations()["accounts"]
_NEW, _OLD = "CREATE TABLE probe_new (id integer)", "DROP TABLE probe_old"


class Release:
    """The migrations of the app, in a folder of their own, and more of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(Path(accounts.migrations.__file__).parent, folder)
        self.last = _LAST

    def add(self, name: str, forwards: str, backwards: str, *, contracts: bool = False) -> None:
        text = _MIGRATION.format(after=self.last, forwards=forwards, backwards=backwards, contracts=contracts)
        (self.folder / f"{name}.py").write_text(text)
        self.last = name

    def adds(self, name: str) -> None:
        self.add(name, _NEW, "DROP TABLE probe_new")

    def takes_away(self, name: str) -> None:
        self.add(name, _OLD, "CREATE TABLE probe_old (id integer)", contracts=True)


@pytest.fixture
def release(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Release]:
    """The next release; what it leaves in the database is taken back."""
    settings.TPI_DATA_DIR = tmp_path
    monkeypatch.setattr(static_files, "collect", lambda: None)  # which takes seconds and has nothing to do with it
    monkeypatch.setattr(health, "_migrated", False)
    monkeypatch.syspath_prepend(tmp_path)
    name = f"next_{abs(hash(str(tmp_path)))}"
    settings.MIGRATION_MODULES = {"accounts": name}
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE probe_old (id integer)")
    made = Release(tmp_path / name)
    nodes.our_migrations.cache_clear()
    yield made
    nodes.our_migrations.cache_clear()
    with connection.cursor() as cursor:
        for table in _tables():
            cursor.execute(f"DROP TABLE {table}")
    MigrationRecorder.Migration.objects.filter(app="accounts", name__gt=_LAST).delete()


def _tables() -> set[str]:
    return {name for name in connection.introspection.table_names() if name.startswith("probe_")}


def _old_node(name: str = "old", *, ago: int = 5) -> Node:
    seen = timezone.now() - timedelta(seconds=ago)
    known = {"accounts": _LAST, "indexapp": "0001_initial"}
    return Node.objects.create(name=name, release="0.1.0", migrations=known, started_at=seen, seen_at=seen)


def test_a_start_leaves_out_what_takes_away_from_older_nodes_and_a_job_applies_it_later(release: Release) -> None:
    release.adds("9001_adds")
    release.takes_away("9002_takes_away")
    old = _old_node()
    call_command("prepare", serving=True)
    assert _tables() == {"probe_old", "probe_new"}
    assert health.parts()["migrations"] == "ok", "the new node is ready"
    assert Node.objects.get(name=nodes.our_name()).migrations["accounts"] == "9002_takes_away"
    assert "old (0.1.0)" in tasks.finish_upgrade()
    with pytest.raises(CommandError, match=r"9002_takes_away .* old \(0\.1\.0\). Upgrade or stop them first"):
        call_command("migrate", verbosity=0)
    assert _tables() == {"probe_old", "probe_new"}
    Node.objects.filter(pk=old.pk).update(migrations={"accounts": "9002_takes_away"})
    assert tasks.finish_upgrade() == "Applied: accounts.9002_takes_away."
    assert _tables() == {"probe_new"}
    assert not pending()
    assert tasks.finish_upgrade() == "There is nothing to do."


@pytest.mark.parametrize("state", ["silent", "left"])
def test_who_does_not_serve_any_more_is_not_waited_for(release: Release, state: str) -> None:
    release.takes_away("9001_takes_away")
    old = _old_node(ago=61 if state == "silent" else 5)
    if state == "left":
        Node.objects.filter(pk=old.pk).update(left_at=timezone.now())
    call_command("prepare", serving=True)
    assert _tables() == set()


def test_a_node_that_serves_under_our_name_counts_too(release: Release) -> None:
    """``manage.py migrate`` of the new release, on the machine and with the settings of a node that serves."""
    release.takes_away("9001_takes_away")
    _old_node(nodes.our_name())
    with pytest.raises(CommandError, match="Upgrade or stop them first"):
        call_command("migrate", verbosity=0)
    assert _tables() == {"probe_old"}


def test_only_what_was_asked_for_is_looked_at(release: Release) -> None:
    release.adds("9001_adds")
    release.takes_away("9002_takes_away")
    _old_node()
    call_command("migrate", "accounts", "9001", verbosity=0)
    assert _tables() == {"probe_old", "probe_new"}


def test_who_leaves_out_a_release_is_told_before_anything_changes(release: Release) -> None:
    """What this release adds stands behind what the one before takes away, which older nodes still use."""
    release.takes_away("9001_takes_away")
    release.adds("9002_adds")
    _old_node()
    with evidence.refused("older-nodes"):
        call_command("prepare", serving=True)
    assert _tables() == {"probe_old"}
    assert health.parts()["migrations"] != "ok"
    Node.objects.update(seen_at=timezone.now() - timedelta(seconds=61))
    call_command("prepare", serving=True)
    assert _tables() == {"probe_new"}


def test_nothing_is_taken_back_from_a_node_that_knows_it(release: Release) -> None:
    release.adds("9001_adds")
    call_command("prepare", serving=True)
    with pytest.raises(CommandError, match="9001_adds takes away"):
        call_command("migrate", "accounts", _LAST, verbosity=0)
    Node.objects.update(left_at=timezone.now())
    call_command("migrate", "accounts", _LAST, verbosity=0)
    assert _tables() == {"probe_old"}
