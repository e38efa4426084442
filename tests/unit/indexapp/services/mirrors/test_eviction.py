"""Room in mirrors: what was used longest ago goes first, and what could not come again stays."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AuditEntry
from indexapp.models import Blob, File, Index, MirroredFile, MirroredProject
from indexapp.services import garbage
from indexapp.services.mirrors import eviction, uses
from tests.factories.people import SYSTEM
from tests.factories.publishing import make_file, make_mirror, make_project, make_release

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture
def mirror() -> Index:
    return make_mirror("outside", upstream={"room": 2, "keep_hours": 24})


def fetched(mirror: Index, days: int, **beside: Any) -> File:
    """A file of one byte that was used so many days ago."""
    file = make_file(make_release(make_project(mirror)))
    moment = timezone.now() - timedelta(days=days)
    MirroredFile.objects.create(file=file, fetched_at=moment, last_used_at=moment, **beside)
    return file


def here(*files: File) -> list[bool]:
    kept = set(File.objects.filter(blob__isnull=False).values_list("pk", flat=True))
    return [file.pk in kept for file in files]


def test_what_was_used_longest_ago_goes_first(mirror: Index) -> None:
    files = [fetched(mirror, days) for days in (3, 9, 5, 7)]
    assert eviction.run(actor=SYSTEM) == 2
    assert here(*files) == [True, False, True, False]
    assert AuditEntry.objects.get(action="mirror.evict").detail["files"] == 2
    assert eviction.run(actor=SYSTEM) == 0
    garbage.mark()
    assert Blob.objects.filter(unreferenced_since__isnull=False).count() == 2


def test_what_could_not_come_again_or_is_wanted_stays(mirror: Index) -> None:
    now = timezone.now()
    kept = [
        fetched(mirror, 9, is_pinned=True),
        fetched(mirror, 9, removed_at=now),
        fetched(mirror, 9, conflict="other bytes", conflict_at=now),
        fetched(mirror, 0),
        gone := fetched(mirror, 9),
    ]
    MirroredProject.objects.create(index=mirror, normalized_name="gone", project=gone.project, is_gone=True)
    old = fetched(mirror, 9)
    assert eviction.run(actor=SYSTEM) == 1
    assert here(*kept, old) == [True] * 5 + [False]


@pytest.mark.parametrize("upstream", [{"room": None}, {"room": 0, "is_offline": True}])
def test_mirrors_without_limit_and_offline_ones_keep_all(upstream: dict[str, Any]) -> None:
    file = fetched(make_mirror("outside", upstream=upstream), 9)
    assert eviction.run(actor=SYSTEM) == 0
    assert here(file) == [True]


def test_what_there_is_is_summed_up_once(mirror: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eviction, "_BATCH", 1)
    files = [fetched(mirror, days) for days in (3, 9, 5, 7, 8)]
    with CaptureQueriesContext(connection) as asked:
        assert eviction.run(actor=SYSTEM) == len(files) - 2
    assert here(*files) == [True, False, True, False, False]
    assert sum("SUM(" in each["sql"] for each in asked.captured_queries) == 1


def test_what_was_used_after_it_was_chosen_stays(mirror: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [fetched(mirror, days) for days in (3, 9, 5, 7)]
    real = eviction.locking.hold

    def used_meanwhile(name: str) -> None:
        MirroredFile.objects.filter(pk=files[1].pk).update(last_used_at=timezone.now())
        real(name)

    monkeypatch.setattr(eviction.locking, "hold", used_meanwhile)
    assert eviction.run(actor=SYSTEM) == 2
    assert here(*files) == [True, True, False, False]


def test_metadata_stays_when_the_file_goes(mirror: Index) -> None:
    files = [fetched(mirror, 9) for _ in range(3)]
    File.objects.update(metadata_blob=Blob.objects.first(), metadata_sha256="0" * 64)
    assert eviction.run(actor=SYSTEM) == 1
    assert File.objects.filter(metadata_blob__isnull=False).count() == len(files)


def test_a_use_that_could_not_be_written_is_written_the_next_time(
    mirror: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [fetched(mirror, 9) for _ in range(3)]
    for file in files:
        uses.note(file.pk)
    monkeypatch.setattr(uses, "_BATCH", 1)
    real, calls = uses.timezone.now, []

    def away() -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise OperationalError("gone")
        return real()

    with monkeypatch.context() as patched:
        patched.setattr(uses.timezone, "now", away)
        with pytest.raises(OperationalError):
            uses.write()
    assert uses.write() == len(files) - 1
    since = timezone.now() - timedelta(hours=1)
    assert MirroredFile.objects.filter(last_used_at__gt=since).count() == len(files)


def test_a_use_is_written_once_an_hour(mirror: Index) -> None:
    file = fetched(mirror, 9)
    uses.note(file.pk)
    uses.note(file.pk)
    assert uses.write() == 1
    assert MirroredFile.objects.get(pk=file.pk).last_used_at > timezone.now() - timedelta(hours=1)  # type: ignore[operator]
    uses.note(file.pk)
    assert uses.write() == 0
