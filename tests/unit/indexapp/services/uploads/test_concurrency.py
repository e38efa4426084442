"""Uploads that come at the same time, on real connections and with real commits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import pytest
from django.db.models import Sum

from indexapp.models import Blob, Change, File, Index, Project, Release
from indexapp.services import garbage, projects, releases
from indexapp.storage import default_storage
from tests import evidence
from tests.builders.core_metadata import Built
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.publishing import make_index, multipart, published, upload
from tests.threads import together
from tests.wsgi_client import Answer, WsgiClient
from tpi_site.kit.errors import Refusal

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

THREADS = 8


def posting(client: WsgiClient, built: Built) -> Callable[[], Answer]:
    body, content_type = multipart(built)
    return lambda: client.post("/legacy/", body, Content_Type=content_type)


@pytest.fixture
def uploader(cast: Cast, machine: WsgiClient) -> WsgiClient:
    return machine.signed(cast.bearer("uploader"))


def answers(found: list[Any]) -> list[Answer]:
    assert all(isinstance(answer, Answer) for answer in found), found
    return found


def consistent() -> None:
    """No row lacks its bytes, and sizes add up."""
    for file in File.objects.select_related("blob", "metadata_blob"):
        content = b"".join(default_storage().read(file.blob.place))
        assert len(content) == file.size
        assert file.metadata_blob is None or default_storage().exists(file.metadata_blob.object_name)
    for project in Project.objects.all():
        assert project.total_size == (File.objects.filter(project=project).aggregate(sum=Sum("size"))["sum"] or 0)


def test_the_same_file_is_published_once_and_everybody_is_content(uploader: WsgiClient) -> None:
    found = answers(together([posting(uploader, build_wheel())] * THREADS))
    assert [answer.status for answer in found] == [200] * THREADS, [answer.body for answer in found]
    assert (File.objects.count(), Blob.objects.count(), Change.objects.count()) == (1, 2, 1)
    assert len(evidence.files()) == 2
    consistent()


def test_of_different_bytes_under_one_name_exactly_one_wins(uploader: WsgiClient) -> None:
    variants = [build_wheel(files={"acme_tool/__init__.py": b"ANSWER = %d\n" % number}) for number in range(THREADS)]
    found = answers(together([posting(uploader, built) for built in variants]))
    assert sorted(answer.status for answer in found) == [200] + [400] * (THREADS - 1)
    assert all(answer.reason.startswith("File already exists") for answer in found if answer.status == 400)
    assert (File.objects.count(), Change.objects.count()) == (1, 1)
    assert len(evidence.files()) == 2
    consistent()


def test_files_of_one_project_do_not_lose_each_others_sizes(uploader: WsgiClient) -> None:
    variants = [build_wheel(version=f"{number}.0") for number in range(THREADS)]
    found = answers(together([posting(uploader, built) for built in variants]))
    assert [answer.status for answer in found] == [200] * THREADS
    assert (Project.objects.count(), Release.objects.count()) == (1, THREADS)
    consistent()


def test_of_names_that_look_alike_one_is_made(uploader: WsgiClient) -> None:
    names = ["acme-tool", "acme-too1", "acmetool", "acme-tooi", "acme-t0ol", "ac-me-tool", "acme-to0l", "acmet001"]
    found = answers(together([posting(uploader, build_wheel(name)) for name in names]))
    assert sorted(answer.status for answer in found) == [200] + [400] * (THREADS - 1)
    assert {answer.code for answer in found if answer.status == 400} == {"name-confusable"}
    assert Project.objects.count() == 1
    assert len(evidence.files()) == 2


def test_serials_come_in_the_order_of_commits(cast: Cast) -> None:
    """A reader with a cursor, however fast, passes over nothing."""
    done, seen = Event(), list[int]()

    def read() -> None:
        while True:
            last = done.is_set()
            cursor = seen[-1] if seen else 0
            seen.extend(Change.objects.filter(serial__gt=cursor).order_by("serial").values_list("serial", flat=True))
            if last:
                return

    def write() -> None:
        try:
            together([lambda n=number: _publish_three(cast.index, n) for number in range(THREADS)])
        finally:
            done.set()

    for outcome in together([read, write]):
        assert outcome is None, outcome
    assert seen == list(Change.objects.order_by("serial").values_list("serial", flat=True))
    assert len(seen) == 3 * THREADS


def _publish_three(index: Index, number: int) -> None:
    for version in ("1.0", "2.0", "3.0"):
        upload(index, build_wheel(f"project-{number}", version))


def test_uploads_to_a_project_that_is_being_deleted(cast: Cast, settings: Any) -> None:
    settings.TPI_TRASH_DAYS = 0
    for round_ in range(3):
        file = published(cast.index, build_wheel(version=f"{round_}.0"))
        project = file.project
        calls: list[Callable[[], object]] = [lambda: projects.delete(actor=SYSTEM, project=project)]
        calls += [
            lambda n=number: upload(cast.index, build_wheel(version=f"{round_}.{n}"))  # type: ignore[misc]
            for number in range(1, 5)
        ]
        found = together(calls)
        assert not [outcome for outcome in found if isinstance(outcome, Refusal)], found
        consistent()
        for project in Project.objects.all():
            projects.delete(actor=SYSTEM, project=project)
        with pytest.raises(Refusal, match="previously used"):
            upload(cast.index, build_wheel(version=f"{round_}.0"))


def test_a_deed_done_twice_at_once_is_done_once(cast: Cast) -> None:
    file = published(cast.index)
    found = together([lambda: releases.delete_file(actor=SYSTEM, file=file)] * 4)
    assert sorted(outcome.code for outcome in found if isinstance(outcome, Refusal)) == ["not-found"] * 3
    assert Change.objects.filter(kind="file-deleted").count() == 1
    consistent()


def test_a_sweep_takes_no_bytes_from_under_a_new_file(cast: Cast) -> None:
    """The same bytes come back, after a deletion and before one, while everything without a file is swept."""
    future = datetime.now(UTC) + timedelta(days=1)
    built = build_wheel()
    for _ in range(5):
        gone = published(make_index(), built)
        projects.delete(actor=SYSTEM, project=gone.project)
        targets = [make_index() for _ in range(3)]
        calls: list[Callable[[], object]] = [lambda: garbage.collect(older_than=future)] * 2
        calls += [lambda index=index: upload(index, built) for index in targets]  # type: ignore[misc]
        found = together(calls)
        assert not [outcome for outcome in found if isinstance(outcome, Refusal)], found
        consistent()
        for index in targets:
            projects.delete(actor=SYSTEM, project=Project.objects.get(index=index))


def test_refused_uploads_take_back_only_their_own_bytes(cast: Cast) -> None:
    """The same bytes are refused in one place and accepted in another at the same moment."""
    taken, free = make_index("taken"), [make_index() for _ in range(3)]
    upload(taken, build_wheel(files={"other.py": b"first"}))
    built = build_wheel(files={"other.py": b"second"})
    calls: list[Callable[[], object]] = [lambda: upload(taken, built)] * 4
    calls += [lambda index=index: upload(index, built) for index in free]  # type: ignore[misc]
    found = together(calls)
    assert [outcome.code for outcome in found if isinstance(outcome, Refusal)] == ["file-exists"] * 4
    consistent()
    assert len(evidence.files()) == 3
