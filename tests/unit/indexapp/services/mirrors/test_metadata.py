"""Metadata of a mirror's wheels: told, computed, proved, and shown."""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from indexapp.models import Change, File, Index, MirroredFile, MirroredProject, Project, Release
from indexapp.services.mirrors import asking
from indexapp.services.mirrors.fetching import running
from indexapp.services.mirrors.metadata import completing, ranged, wheels
from indexapp.services.mirrors.metadata.wheels import MetadataFailed
from indexapp.storage import default_storage
from indexapp.views.machine.wsgi import Waiting
from tests.builders.wheels import build_wheel
from tests.servers.ports import wait_until
from tests.servers.static_index import Behaviour, StaticFile, StaticIndex
from tests.wsgi_client import WsgiClient

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]
PAGE = "/outside/simple/acme-tool/"
NAME = "acme_tool-1.1-py3-none-any.whl"


def page(machine: WsgiClient) -> dict[str, Any]:
    answer = machine.get(PAGE, Accept="application/vnd.pypi.simple.v1+json")
    assert answer.status == 200, answer.body
    assert completing.settle(20)
    wait_until(lambda: not running.under_way(), 20, lambda: "a download does not end")
    return {file["filename"]: file for file in answer.json["files"]}


def metadata_in(upstream: StaticIndex, filename: str = NAME) -> bytes:
    content = upstream.files[filename].content

    def fetch(start: int, length: int) -> bytes:
        return content[start : start + length]

    return wheels.of_wheel(ranged.RangedFile(fetch, len(content)))


def test_what_the_upstream_serves_is_kept(machine: WsgiClient, upstream: StaticIndex, mirror: Index) -> None:
    file = page(machine)[NAME]
    for _ in range(2):
        answer = machine.get(file["url"] + ".metadata")
        assert (answer.status, answer.body) == (200, metadata_in(upstream))
        assert hashlib.sha256(answer.body).hexdigest() == file["core-metadata"]["sha256"]
        upstream.behaviour = Behaviour(status=500)
    assert upstream.count(".metadata") == 1
    assert upstream.count(".whl") == 0


class Handed(Exception):
    """What a read that comes later hands to the poller."""

    def __init__(self, waiting: Waiting) -> None:
        super().__init__()
        self.waiting = waiting


def polled(machine: WsgiClient, url: str, **headers: str) -> tuple[str, bytes]:
    """The answer as the server's poller takes it: by bytes, and without a question to the database."""

    def hand_over(waiting: Waiting) -> None:
        raise Handed(waiting)

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        return machine.application(environ | {"tpi.hand_over": hand_over}, start_response)

    with pytest.raises(Handed) as handed:
        WsgiClient(application).get(url, **headers)
    with CaptureQueriesContext(connection) as asked:
        while (answer := handed.value.waiting.poll()) is None:
            time.sleep(0.01)
    assert not asked.captured_queries
    status, told, body = answer
    assert isinstance(body, bytes)
    assert dict(told)["Content-Length"] == str(len(body))
    return status, body


@pytest.mark.parametrize("is_sealed", [True, False])
@pytest.mark.parametrize("ranges", ["", "bytes=0-99,300000-300099"])
def test_large_metadata_is_all_there_at_the_first_try(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, settings: Any, ranges: str, *, is_sealed: bool
) -> None:
    settings.TPI_ENCRYPT = is_sealed
    metadata = metadata_in(upstream) + b"\n" + b"It does a lot. " * 27_000
    upstream.publish(StaticFile(NAME, upstream.files[NAME].content, metadata=metadata))
    url = page(machine)[NAME]["url"] + ".metadata"
    status, body = polled(machine, url, **({"Range": ranges} if ranges else {}))
    if ranges:
        assert status == "206 Partial Content"
        assert metadata[300_000:300_100] in body
    else:
        assert (status, body) == ("200 OK", metadata)


def test_what_is_lost_is_fetched_again(machine: WsgiClient, upstream: StaticIndex, mirror: Index) -> None:
    url = page(machine)[NAME]["url"] + ".metadata"
    right = machine.get(url).body
    blob = File.objects.select_related("metadata_blob").get(filename=NAME).metadata_blob
    assert blob is not None
    default_storage().delete(blob.object_name)
    assert machine.get(url).body == right
    assert upstream.count(".metadata") == 2


def test_it_speaks_for_its_release(machine: WsgiClient, upstream: StaticIndex, mirror: Index) -> None:
    built = build_wheel("acme-tool", "4.0", headers=[("Summary", "Does it all")])
    upstream.publish(built)
    assert machine.get(page(machine)[built.filename]["url"] + ".metadata").status == 200
    release = Release.objects.get(project__normalized_name="acme-tool", version="4.0")
    assert (release.summary, release.metadata["name"]) == ("Does it all", "acme-tool")
    assert Project.objects.get(normalized_name="acme-tool").summary == "Does it all"


@pytest.mark.parametrize("behaviour", [{}, {"forms": ("html",)}, {"hashes": "none"}])
def test_where_none_is_served_it_is_read_out_of_the_wheel(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, behaviour: dict[str, Any]
) -> None:
    large = build_wheel("acme-tool", "5.0", files={"acme_tool/noise.bin": bytes(range(256)) * 4000}, compression=0)
    upstream.publish(large)
    upstream.behaviour = Behaviour(has_metadata=False, **behaviour)
    files = page(machine)
    assert all(file["core-metadata"] for file in files.values())
    before = upstream.sent
    answer = machine.get(files[large.filename]["url"] + ".metadata")
    assert answer.body == metadata_in(upstream, large.filename)
    assert upstream.sent == before < len(large.content) // 2
    assert not File.objects.filter(blob__isnull=False).exists()


def test_without_parts_the_wheel_is_fetched_once(machine: WsgiClient, upstream: StaticIndex, mirror: Index) -> None:
    upstream.behaviour = Behaviour(has_metadata=False, has_ranges=False)
    files = page(machine)
    assert all(file["core-metadata"] for file in files.values())
    assert machine.get(files[NAME]["url"]).body == upstream.files[NAME].content
    assert File.objects.get(filename=NAME).blob is not None


def test_the_others_follow_in_batches(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        upstream.publish(build_wheel("acme-tool", f"7.{number}"))
    upstream.behaviour = Behaviour(has_metadata=False)
    first = page(machine)
    assert sum(bool(file["core-metadata"]) for file in first.values()) == completing.NEWEST
    assert all(file["core-metadata"] for file in page(machine).values())
    assert Change.objects.filter(kind="project-mirrored").count() == 3  # the page, the newest, the others


class Ending(ThreadPoolExecutor):
    """A pool of a process that ends when the newest have been asked for."""

    def __init__(self) -> None:
        super().__init__(2)
        self._asked = count(1)

    def submit(self, *arguments: Any, **named: Any) -> Any:
        future = super().submit(*arguments, **named)
        if next(self._asked) == completing.NEWEST:
            self.shutdown(wait=False)
        return future


def test_what_a_process_leaves_that_ends_follows_when_the_page_is_asked_for_again(
    machine: WsgiClient,
    upstream: StaticIndex,
    mirror: Index,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for number in range(20):
        upstream.publish(build_wheel("acme-tool", f"7.{number}"))
    upstream.behaviour = Behaviour(has_metadata=False)
    with monkeypatch.context() as ending:
        pool = Ending()
        ending.setattr(completing, "_pool", lambda: pool)
        page(machine)
        assert sum(bool(file["core-metadata"]) for file in page(machine).values()) == completing.NEWEST
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
    MirroredProject.objects.update(fresh_until=None)
    asking.forget_all()
    page(machine)
    wait_until(lambda: all(file["core-metadata"] for file in page(machine).values()), 30, lambda: "it does not follow")


def test_metadata_of_something_else_is_not_served(machine: WsgiClient, upstream: StaticIndex, mirror: Index) -> None:
    other = metadata_in(upstream, "acme_tool-1.0-py3-none-any.whl")
    upstream.publish(StaticFile(NAME, upstream.files[NAME].content, metadata=other))
    answer = machine.get(page(machine)[NAME]["url"] + ".metadata")
    assert (answer.status, answer.code) == (503, "upstream-mismatch")
    assert "another project or version" in MirroredFile.objects.get(file__filename=NAME).conflict


def test_metadata_with_another_digest_is_not_served(machine: WsgiClient, upstream: StaticIndex, mirror: Index) -> None:
    url = page(machine)[NAME]["url"]
    right = metadata_in(upstream)
    upstream.publish(StaticFile(NAME, upstream.files[NAME].content, metadata=right + b"x"))
    answer = machine.get(url + ".metadata")
    assert (answer.status, answer.code) == (503, "upstream-mismatch")
    assert File.objects.get(filename=NAME).metadata_blob is None


def test_an_upstream_that_fails_keeps_no_page_from_its_readers(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index
) -> None:
    upstream.behaviour = Behaviour(has_metadata=False, status=500, on="file")
    assert not any(file["core-metadata"] for file in page(machine).values())
    asking.forget_all()


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_wheel_has_no_metadata(content: bytes) -> None:
    with pytest.raises(MetadataFailed):
        wheels.of_wheel(ranged.RangedFile(lambda start, length: content[start : start + length], len(content)))


def test_a_file_is_not_read_for_ever() -> None:
    file = ranged.RangedFile(lambda _, length: bytes(length), 2**40)
    with pytest.raises(ranged.TooMuch):
        while file.read(2**20):
            pass
