"""Marking and collecting what nothing refers to."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from threading import Event
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from indexapp.models import Blob, File, Index
from indexapp.services import blobs, garbage, projects, releases
from indexapp.services.blobs import BlobVanishedError, Stored
from indexapp.storage import default_storage
from tests import evidence
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.publishing import make_file, make_index, make_project, make_release, published
from tests.threads import together

pytestmark = [pytest.mark.database, pytest.mark.django_db]

ITERATIONS = int(os.environ.get("RACES", "600"))
"""Of the race; ``RACES=10000 pytest ...`` for the long form, which takes minutes."""
WRITERS = 3
CONTENTS = 5
"""Published together, in one transaction."""


@pytest.fixture(autouse=True)
def _no_trash(settings: Any) -> None:
    """What is deleted is needed by nothing at once."""
    settings.TPI_TRASH_DAYS = 0


def collect(hours: float) -> int:
    """With the grace ending ``hours`` from now."""
    return garbage.collect(older_than=timezone.now() + timedelta(hours=hours))


def test_the_grace_begins_when_the_last_file_goes(cast: Cast) -> None:
    file = published(cast.index)
    assert collect(1) == 0
    projects.delete(actor=SYSTEM, project=file.project)
    assert collect(-24) == 0
    assert Blob.objects.filter(unreferenced_since__isnull=False).count() == 2
    assert default_storage().exists(file.blob.object_name)
    Blob.objects.update(unreferenced_since=timezone.now() - timedelta(hours=25))
    assert collect(-24) == 2
    assert not default_storage().exists(file.blob.object_name)


def test_a_new_reference_takes_the_mark_away(cast: Cast) -> None:
    file = published(cast.index)
    projects.delete(actor=SYSTEM, project=file.project)
    garbage.mark()
    again = published(make_index("other"))
    assert again.blob_id == file.blob_id
    assert not Blob.objects.filter(unreferenced_since__isnull=False).exists()
    releases.delete_file(actor=SYSTEM, file=again)
    garbage.mark()
    assert collect(-24) == 0


def test_a_mark_of_what_is_needed_counts_for_nothing(cast: Cast) -> None:
    published(cast.index)
    Blob.objects.update(unreferenced_since=timezone.now() - timedelta(days=9))
    assert collect(1) == 0
    assert not Blob.objects.filter(unreferenced_since__isnull=False).exists()


def test_a_dry_run_lists_and_changes_nothing(cast: Cast) -> None:
    file = published(cast.index)
    projects.delete(actor=SYSTEM, project=file.project)
    garbage.mark()
    before = evidence.state()
    out = StringIO()
    call_command("collect_garbage", "--dry-run", "--grace-hours=-1", stdout=out)
    lines = out.getvalue().splitlines()
    assert lines[0].startswith(f"due {file.blob.object_name} ")
    assert lines[-1].startswith("2 contents (")
    out = StringIO()
    call_command("collect_garbage", "--dry-run", stdout=out)
    assert out.getvalue().startswith("waits ")
    assert evidence.state() == before
    call_command("collect_garbage", "--grace-hours=-1", stdout=out)
    assert out.getvalue().endswith("Removed 2 contents.\n")


@pytest.mark.django_db(transaction=True)
def test_deletions_and_new_uploads_race_with_collections(main: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each reads what it published at once: a collection with no grace at all never takes it.

    Half-received files are left out: those of this moment are there because somebody is receiving them.
    """
    monkeypatch.setattr(type(default_storage()), "sweep_incoming", lambda *_, **__: 0)
    release = make_release(make_project(main))
    template = make_file(release, "template-1.0-py3-none-any.whl")
    contents = [b"content %d" % number for number in range(CONTENTS + 2 * WRITERS)]
    done = Event()
    collected: list[int] = []

    def write(writer: int) -> int:
        for _ in range(-(-ITERATIONS // WRITERS // CONTENTS)):
            _publish_and_delete(template, contents[2 * writer :][:CONTENTS], f"writer{writer}")
        return writer

    def collect_all_the_time() -> int:
        while not done.is_set():
            collected.append(collect(1))
        return -1

    def write_all() -> int:
        try:
            found = together([lambda n=number: write(n) for number in range(WRITERS)])
        finally:
            done.set()
        return len(found)

    calls: list[Callable[[], int]] = [collect_all_the_time, collect_all_the_time, write_all]
    assert together(calls) == [-1, -1, WRITERS]
    assert sum(collected) > 0


def _publish_and_delete(template: File, contents: list[bytes], distribution: str) -> None:
    files = _publish(template, contents, distribution)
    for file, content in zip(files, contents, strict=True):
        assert b"".join(default_storage().read(Blob.objects.get(pk=file.blob_id).place)) == content
    File.objects.filter(pk__in=[file.pk for file in files]).delete()


def _publish(template: File, contents: list[bytes], distribution: str) -> list[File]:
    while True:
        stored = [_store(content) for content in contents]
        try:
            with transaction.atomic():
                keys = blobs.claim(*stored)
                rows = [
                    {**_values(template), "filename": f"{distribution}-{each.sha256}", "blob_id": keys[each.sha256]}
                    for each in stored
                ]
                return File.objects.bulk_create([File(**row) for row in rows])
        except BlobVanishedError:
            continue


def _store(content: bytes) -> Stored:
    with default_storage().spool() as spool:
        spool.file.write(content)
        return blobs.store(hashlib.sha256(content).hexdigest(), spool)


def _values(template: File) -> dict[str, object]:
    names = [field.attname for field in File._meta.concrete_fields if field.attname != "id"]
    return {name: getattr(template, name) for name in names}
