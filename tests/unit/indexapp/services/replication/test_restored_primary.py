"""Whoever follows a primary comes to have all of its projects with the serials that they have there, whatever moved these."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from indexapp.domain.replication import batches
from indexapp.domain.replication.transport import Transport
from indexapp.models import Index, Project
from indexapp.services import projects
from indexapp.services.backups import restored
from indexapp.services.replication import epochs, giving
from indexapp.services.replication.giving import Wish
from tests.builders.wheels import build_wheel
from tests.factories.people import SYSTEM
from tests.factories.publishing import make_group, make_index, published

pytestmark = [pytest.mark.django_db, pytest.mark.database]
SECRET = Transport("a credential")


def walk(epoch: Any, since: int = 0) -> tuple[dict[str, int], int]:
    got: dict[str, int] = {}
    while True:
        batch = batches.read(giving.batch(Wish(since=since, epoch=epoch, digests={}), SECRET))
        for row in batch.rows.get("indexapp.project", []):
            got[row["normalized_name"]] = row["last_serial"]
        if batch.head["upto"] >= batch.head["newest"] or batch.head["upto"] == since:
            return got, batch.head["upto"]
        since, epoch = batch.head["upto"], UUID(batch.head["epoch"])


def restore() -> None:
    place: Any = SimpleNamespace(address="backups")
    manifest: Any = SimpleNamespace(name="b", made_at=timezone.now())
    restored.record(actor=SYSTEM, place=place, manifest=manifest)


def test_a_new_replica_of_a_restored_primary_gets_all_projects(main: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    epoch = epochs.current().uuid
    for number in range(6):
        published(main, build_wheel(f"p{number}"))
    monkeypatch.setattr(giving, "_MOST_CHANGES", 3)
    assert len(walk(epoch)[0]) == 6
    restore()
    got, _ = walk(epoch)
    assert sorted(got) == [f"p{number}" for number in range(6)]


def test_a_replica_in_step_learns_the_serials_after_a_restore(main: Index) -> None:
    epoch = epochs.current().uuid
    for number in range(3):
        published(main, build_wheel(f"p{number}"))
    got, cursor = walk(epoch)
    restore()
    more, _ = walk(epoch, cursor)
    got |= more
    assert got == dict(Project.objects.values_list("normalized_name", "last_serial"))


def test_what_lay_beside_a_deleted_project_comes(main: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    epoch = epochs.current().uuid
    other = make_index("other")
    make_group("both", main, other)
    published(other, build_wheel("twin"))
    for number in range(4):
        published(main, build_wheel(f"p{number}"))
    doomed = published(main, build_wheel("twin"))
    before, cursor = walk(epoch)
    projects.delete(actor=SYSTEM, project=doomed.project)
    after, _ = walk(epoch, cursor)
    assert before.keys() >= {"twin"}
    assert after == {"twin": Project.objects.get(normalized_name="twin").last_serial}
    monkeypatch.setattr(giving, "_MOST_CHANGES", 3)
    assert sorted(walk(epoch)[0]) == ["p0", "p1", "p2", "p3", "twin"]
