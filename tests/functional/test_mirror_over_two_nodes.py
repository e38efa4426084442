"""Many clients of two nodes want at once what a mirror does not have yet: its upstream is asked once for all of them."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from random import Random
from urllib.parse import urlsplit

import pytest

from indexapp.services.mirrors.fetching import leases
from tests.builders.core_metadata import Built
from tests.builders.wheels import build_wheel
from tests.functional.mirrored import Mirrored
from tests.servers.cluster import Cluster
from tests.servers.ports import LOOPBACK, wait_until
from tests.servers.static_index import Behaviour
from tests.servers.tpi import TpiServer

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("cluster")]
CLIENTS = 6
"""Of each node."""
_SIZE = 20 * 1024 * 1024
_PATIENCE = 120.0
_ROUNDS = 3
_JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(settings={"TPI_OUTBOUND_NETWORKS": "127.0.0.0/8"}) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def tpi(cluster: Cluster) -> TpiServer:
    return cluster.nodes[0]


def asked_at_both(cluster: Cluster, upstream: Mirrored, path: str) -> list[bytes]:
    """What all clients get, none of whom has an answer before the last one has asked."""

    def answer_of(connection: http.client.HTTPConnection) -> bytes:
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body[:500]
        return body

    upstream.resume.clear()
    with ExitStack() as stack:
        connections = [
            stack.enter_context(closing(http.client.HTTPConnection(LOOPBACK, node.port, timeout=_PATIENCE)))
            for _ in range(CLIENTS)
            for node in cluster.nodes
        ]
        for connection in connections:
            connection.request("GET", path, headers=_JSON)
        wait_until(lambda: asked(upstream, path) > 0, 60, lambda: "nobody asks the upstream")
        upstream.resume.set()
        with ThreadPoolExecutor(len(connections)) as pool:
            return list(pool.map(answer_of, connections))


def asked(upstream: Mirrored, path: str) -> int:
    """How often it was asked for the page or the file of that name."""
    return upstream.count(f"/{path.rstrip('/').rpartition('/')[2]}{'/' if path.endswith('/') else ''}")


def large(number: int) -> Built:
    return build_wheel(f"acme-{number}", files={"noise.bin": Random(number).randbytes(_SIZE)}, compression=0)


def file_path(page: bytes, built: Built) -> str:
    (url,) = [file["url"] for file in json.loads(page)["files"] if file["filename"] == built.filename]
    return urlsplit(url).path


def test_a_cold_name_and_a_cold_file_are_asked_for_once(cluster: Cluster, upstream: Mirrored) -> None:
    for number in range(_ROUNDS):
        built = large(number)
        upstream.publish(built)
        page = upstream.page_path(f"acme-{number}")
        upstream.behaviour = Behaviour(pause_after=10)
        pages = asked_at_both(cluster, upstream, page)
        assert (len(pages), len({*pages}), asked(upstream, page)) == (2 * CLIENTS, 1, 1)

        path = file_path(pages[0], built)
        upstream.behaviour = Behaviour(pause_after=_SIZE // 2, on="file")
        began = time.monotonic()
        files = asked_at_both(cluster, upstream, path)
        is_quick = time.monotonic() - began < leases.PATIENCE
        assert len(files) == 2 * CLIENTS
        assert all(content == built.content for content in files)
        # A node that has waited for the other one for too long fetches for its own clients.
        assert asked(upstream, path) <= (1 if is_quick else len(cluster.nodes))
        if is_quick:
            break
