"""Names of which a mirror knows nothing, from an installation with two threads and an upstream that is slow or silent."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.builders.wheels import build_wheel
from tests.functional.mirrored import Mirrored, with_few_threads
from tests.servers.ports import LOOPBACK, wait_until
from tests.servers.raw import answer_on, head
from tests.servers.static_index import Behaviour
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session

pytestmark = pytest.mark.functional
READERS = 24
_PATIENCE = 60.0
_JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}


@pytest.fixture(scope="module")
def tpi() -> Iterator[TpiServer]:
    with with_few_threads(workers=1) as server:
        yield server


def status(tpi: TpiServer, upstream: Mirrored, name: str) -> int:
    with Session(tpi.url, {}, timeout=_PATIENCE) as session:
        return session.get(upstream.page_path(name), _JSON).status


def test_many_names_at_once_are_all_answered(tpi: TpiServer, upstream: Mirrored) -> None:
    names = [f"acme-{number}" for number in range(READERS)]
    for name in names[1:]:
        upstream.publish(build_wheel(name))
    upstream.behaviour = Behaviour(delay=0.2)
    with ThreadPoolExecutor(READERS) as pool:
        assert list(pool.map(lambda name: status(tpi, upstream, name), names)) == [404, *[200] * (READERS - 1)]
        assert set(pool.map(lambda name: status(tpi, upstream, name), names[1:])) == {200}
    assert len(upstream.requests) == READERS


def test_an_upstream_that_is_silent_takes_no_thread(tpi: TpiServer, upstream: Mirrored) -> None:
    upstream.behaviour = Behaviour(delay=20.0)
    with ExitStack() as stack:
        waiting = [
            stack.enter_context(socket.create_connection((LOOPBACK, tpi.port), _PATIENCE)) for _ in range(READERS)
        ]
        for number, each in enumerate(waiting):
            each.sendall(head("GET", upstream.page_path(f"acme-cold-{number}"), {}))
        wait_until(lambda: upstream.count("/acme-cold-0/") == 1, 30, lambda: "nobody asks the upstream")
        with Session(tpi.url, {}, timeout=10.0) as other:
            assert [other.get("/livez").status for _ in range(20)] == [200] * 20
        for each in (waiting[0], waiting[-1]):
            answer = answer_on(each)
            assert (answer.status, answer.json()["code"]) == (503, "upstream-unavailable")
            assert int(answer.headers["retry-after"]) > 0
