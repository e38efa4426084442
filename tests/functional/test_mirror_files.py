"""Files of a mirror, from an installation of two processes with few threads and an upstream that counts."""

from __future__ import annotations

import hashlib
import http.client
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from random import Random
from urllib.parse import urlsplit

import pytest

from tests.builders.wheels import build_wheel
from tests.functional.mirrored import Mirrored, with_few_threads
from tests.servers import inside
from tests.servers.ports import LOOPBACK, wait_until
from tests.servers.raw import answer_on, head
from tests.servers.static_index import Behaviour
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session

pytestmark = pytest.mark.functional
CLIENTS = 30
_PATIENCE = 60.0
_SIZE = 12 * 1024 * 1024
"""More than is kept in memory of a download, and than a socket takes."""


@pytest.fixture(scope="module")
def tpi() -> Iterator[TpiServer]:
    with with_few_threads(workers=2) as server:
        yield server


def published(upstream: Mirrored, tpi: TpiServer, version: str, size: int = _SIZE) -> tuple[str, bytes]:
    """The path of a new file in the mirror, and its bytes."""
    project = f"acme-tool-{version.replace('.', '-')}"
    built = build_wheel(project, version, files={"noise.bin": Random(version).randbytes(size)}, compression=0)
    upstream.publish(built)
    with Session(tpi.url, {}, timeout=_PATIENCE) as session:
        answer = session.get(upstream.page_path(project), {"Accept": "application/vnd.pypi.simple.v1+json"})
        assert answer.status == 200, answer.body
        url = next(file["url"] for file in answer.json()["files"] if file["filename"] == built.filename)
    return urlsplit(url).path, built.content


def got(tpi: TpiServer, path: str) -> bytes:
    connection = http.client.HTTPConnection(LOOPBACK, tpi.port, timeout=_PATIENCE)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        return answer.read()
    finally:
        connection.close()


def is_got(tpi: TpiServer, path: str, content: bytes) -> bool:
    """Whether the file comes whole now; who asks a process that dies is cut off, or refused until the other one goes on."""
    try:
        return got(tpi, path) == content
    except (AssertionError, OSError, http.client.HTTPException):
        return False


def is_here(tpi: TpiServer, upstream: Mirrored, content: bytes) -> bool:
    sha256 = hashlib.sha256(content).hexdigest()
    return any(row["is_here"] for row in tpi.inside(inside.mirrored, index=upstream.mirror) if row["sha256"] == sha256)


def test_many_clients_of_two_processes_cause_one_download(tpi: TpiServer, upstream: Mirrored) -> None:
    path, content = published(upstream, tpi, "1.0")
    upstream.behaviour = Behaviour(pause_after=_SIZE // 2, on="file")
    with ThreadPoolExecutor(CLIENTS) as pool, Session(tpi.url, {}, timeout=_PATIENCE) as other:
        answers = [pool.submit(got, tpi, path) for _ in range(CLIENTS)]
        wait_until(lambda: upstream.count(".whl") > 0, 30, lambda: "nobody asks the upstream")
        # All of them hang on one upstream, and there are four threads: others are answered all the same.
        assert [other.get("/livez").status for _ in range(20)] == [200] * 20
        upstream.resume.set()
        assert all(answer.result() == content for answer in answers)
    assert upstream.count(".whl") == 1
    wait_until(lambda: is_here(tpi, upstream, content), 60, lambda: tpi.log[-2000:])
    upstream.behaviour = Behaviour(status=503)
    assert got(tpi, path) == content


def test_an_upstream_that_does_not_answer_takes_no_thread(tpi: TpiServer, upstream: Mirrored) -> None:
    path, _ = published(upstream, tpi, "1.1")
    upstream.behaviour = Behaviour(delay=20.0, on="file")
    request = head("GET", path, {})
    with ExitStack() as stack:
        waiting = [stack.enter_context(socket.create_connection((LOOPBACK, tpi.port), _PATIENCE)) for _ in range(20)]
        for each in waiting:
            each.sendall(request)
        with Session(tpi.url, {}, timeout=10.0) as other:
            assert [other.get("/livez").status for _ in range(20)] == [200] * 20
        first = answer_on(waiting[0])
        assert (first.status, first.json()["code"]) == (503, "upstream-unavailable")


def test_wrong_bytes_are_cut_short_and_not_kept(tpi: TpiServer, upstream: Mirrored) -> None:
    path, content = published(upstream, tpi, "1.2")
    filename = path.rpartition("/")[2]
    changed = content[:-1000] + bytes(1000)
    upstream.publish(type(upstream.files[filename])(filename, changed))
    upstream.behaviour = Behaviour(pause_after=_SIZE // 2, on="file")
    connection = http.client.HTTPConnection(LOOPBACK, tpi.port, timeout=_PATIENCE)
    connection.request("GET", path)
    answer = connection.getresponse()
    upstream.resume.set()  # with no byte sent on it would be a refusal
    with pytest.raises(http.client.IncompleteRead) as cut:
        answer.read()
    assert len(cut.value.partial) < len(content)
    connection.close()
    assert not is_here(tpi, upstream, content)
    assert not is_here(tpi, upstream, changed)


def test_a_connection_serves_on_after_a_download(tpi: TpiServer, upstream: Mirrored) -> None:
    path, content = published(upstream, tpi, "1.3", 300_000)
    with Session(tpi.url, {}, timeout=_PATIENCE) as session:
        assert session.get(path).body == content
        assert session.get("/livez").status == 200
        part = session.get(path, {"Range": "bytes=10-19"})
        assert (part.status, part.body) == (206, content[10:20])


def test_a_killed_process_is_taken_over_from(tpi: TpiServer, upstream: Mirrored) -> None:
    path, content = published(upstream, tpi, "1.4")
    upstream.behaviour = Behaviour(pause_after=_SIZE // 2, on="file")
    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = [pool.submit(got, tpi, path) for _ in range(CLIENTS)]
        wait_until(lambda: upstream.sent > _SIZE // 2, 30, lambda: "nobody asks the upstream")
        worker = next(member for member in tpi.members() if member.role == "worker")
        upstream.behaviour = Behaviour()
        tpi.kill_member(worker)
        upstream.resume.set()
        whole = [answer for answer in answers if answer.exception() is None]
        assert all(answer.result() == content for answer in whole)
    wait_until(lambda: is_got(tpi, path, content), 60, lambda: tpi.log[-2000:])
