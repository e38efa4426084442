"""Pages of many releases: after every kind of change, what is made from kept pieces is what a fresh process makes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from indexapp.models import Change, File, Project, Release
from indexapp.services import projects, releases
from indexapp.services.serving import page_rows
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.publishing import make_file, make_project, make_release, upload
from tests.plugins import process_memory
from tests.wsgi_client import Answer, WsgiClient

pytestmark = [pytest.mark.database, pytest.mark.django_db]

PAGE = "/simple/acme-tool/"
JSON = "application/vnd.pypi.simple.v1+json"
HTML = "text/html"
COUNT = 260


@pytest.fixture
def long_project(cast: Cast) -> Project:
    """A project of many releases, with a change of its own so that its serial is that of the log."""
    project = make_project(cast.index, "acme-tool")
    for number in range(COUNT):
        make_file(make_release(project, f"1.{number}"))
    projects.set_status(actor=SYSTEM, project=project, status=Project.Status.DEPRECATED)
    return Project.objects.select_related("index").get(pk=project.pk)


@pytest.fixture
def reader(cast: Cast, machine: WsgiClient, long_project: Project) -> WsgiClient:
    return machine.signed(cast.bearer("reader"))


def pages(reader: WsgiClient) -> list[Answer]:
    codings = ("", "gzip", "zstd")
    return [reader.get(PAGE, Accept=accept, Accept_Encoding=coding) for accept in (JSON, HTML) for coding in codings]


def told(answers: list[Answer]) -> list[tuple[bytes, str, str]]:
    return [(answer.body, answer.headers["ETag"], answer.headers["X-PyPI-Last-Serial"]) for answer in answers]


def release(project: Project, number: int) -> Release:
    return Release.objects.select_related("project__index").get(project=project, version=f"1.{number}")


def file(project: Project, number: int) -> File:
    return File.objects.select_related("project", "index", "release").get(release=release(project, number))


CHANGES: dict[str, Callable[[Project], object]] = {
    "a new release at the end": lambda project: upload(project.index, build_wheel(version="2.0")),
    "a new release between": lambda project: upload(project.index, build_wheel(version="1.130.1")),
    "a second file": lambda project: upload(project.index, build_wheel(version="1.7", build="1")),
    "a yanked release": lambda project: releases.yank(actor=SYSTEM, release=release(project, 99), reason="broken"),
    "a yanked file": lambda project: releases.yank_file(actor=SYSTEM, file=file(project, 0), reason="also"),
    "a deleted release": lambda project: releases.delete(actor=SYSTEM, release=release(project, COUNT - 1)),
    "a deleted file": lambda project: releases.delete_file(actor=SYSTEM, file=file(project, 120)),
    "another status": lambda project: projects.set_status(
        actor=SYSTEM, project=project, status=Project.Status.ARCHIVED, reason="old"
    ),
    "quarantine": lambda project: projects.set_status(actor=SYSTEM, project=project, status=Project.Status.QUARANTINED),
    "several": lambda project: [
        releases.yank(actor=SYSTEM, release=release(project, number)) for number in (3, 70, 71, 140, 255)
    ],
    "very many": lambda project: [
        releases.yank(actor=SYSTEM, release=release(project, number)) for number in range(0, COUNT, 4)
    ],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_page_is_what_a_fresh_process_makes(
    reader: WsgiClient, long_project: Project, change: Callable[[Project], object]
) -> None:
    before = told(pages(reader))
    change(long_project)
    after = told(pages(reader))
    process_memory.forget()
    assert after == told(pages(reader))
    assert all(new[:2] != old[:2] for new, old in zip(after, before, strict=True))


def test_changes_that_follow_each_other(reader: WsgiClient, long_project: Project) -> None:
    for change in (
        CHANGES["a new release between"],
        CHANGES["quarantine"],
        lambda project: projects.set_status(actor=SYSTEM, project=project, status=Project.Status.ACTIVE),
        CHANGES["a yanked release"],
        CHANGES["a deleted release"],
    ):
        pages(reader)
        change(long_project)
        after = told(pages(reader))
        process_memory.forget()
        assert after == told(pages(reader))


def test_a_change_is_seen_without_reading_the_whole_project(reader: WsgiClient, long_project: Project) -> None:
    reader.get(PAGE, Accept=JSON)
    CHANGES["a yanked release"](long_project)
    with CaptureQueriesContext(connection) as queries:
        page = reader.get(PAGE, Accept=JSON)
    yanked = [row["filename"] for row in page.json["files"] if row["yanked"]]
    assert yanked == ["acme_tool-1.99-py3-none-any.whl"]
    whole = [
        query for query in queries.captured_queries if query["sql"].endswith(f"WHERE project_id = {long_project.pk}\n")
    ]
    assert not whole
    assert len(queries) <= 6


def test_a_log_that_does_not_tell_is_not_relied_on(reader: WsgiClient, long_project: Project) -> None:
    reader.get(PAGE, Accept=JSON)
    CHANGES["a yanked release"](long_project)
    Change.objects.filter(kind="release-yanked").update(version="")
    assert [row["yanked"] for row in reader.get(PAGE, Accept=JSON).json["files"]].count("broken") == 1


def test_a_stretch_is_part_of_all(long_project: Project) -> None:
    every = page_rows.read_all(long_project.pk, 0)
    assert [row.version for row in every] == [f"1.{number}" for number in range(COUNT)]
    assert page_rows.read_stretch(long_project.pk, 0, every[9].sort_key, every[19].sort_key) == every[10:20]
    assert page_rows.read_stretch(long_project.pk, 0, every[-3].sort_key, None) == every[-2:]
