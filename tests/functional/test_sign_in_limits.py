"""Limits of guesses hold over the nodes of an installation: two servers, each with processes of its own, on one database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path

import pytest

from tests.servers import inside
from tests.servers.cluster import shared_secrets
from tests.servers.ports import wait_until
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session, basic

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("two nodes")]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[TpiServer]]:
    """Two nodes with the secrets that nodes share."""
    folder: Path = tmp_path_factory.mktemp("shared")
    settings = shared_secrets() | {
        "TPI_DATABASE_URL": f"sqlite:///{folder / 'tpi.sqlite3'}",
        "TPI_STORAGE_URL": f"file://{folder / 'files'}",
        "TPI_KEYRING": f"file:{folder / 'keyring.json'}",
        "TPI_SIGN_IN_FAILURES": "6",
        "TPI_API_RATE": "100/hour",
        "TPI_WORKERS": "2",
    }
    with ExitStack() as stack:
        nodes = [TpiServer(settings=settings) for _ in range(2)]
        for node in nodes:
            node.data.mkdir(mode=0o700)  # who is given all secrets makes no first-start files
            stack.enter_context(node)
        nodes[0].inside(inside.user, name="mia", password="a long enough password")
        yield nodes


def test_wrong_passwords_for_one_name_are_counted_over_both(nodes: list[TpiServer]) -> None:
    statuses = []
    for number, node in zip(range(10), cycle(nodes), strict=False):
        with Session(node.url, basic(f"guess {number}", "mia")) as session:
            statuses.append(session.get("/simple/").status)
    assert statuses == [401] * 6 + [429] * 4
    with Session(nodes[1].url, basic("a long enough password", "mia")) as session:
        assert session.get("/simple/").status == 429


def test_reports_of_leaks_are_counted_over_both(nodes: list[TpiServer]) -> None:
    body = json.dumps({"tokens": ["tpi_x"]}).encode()
    statuses = []
    for _, node in zip(range(64), cycle(nodes), strict=False):
        with Session(node.url) as session:
            sent = {"Content-Type": "application/json"}
            statuses.append(session.request("POST", "/api/v1/tokens/leaked/", body, sent).status)
    assert statuses == [202] * 60 + [429] * 4


def test_requests_of_one_person_are_counted_over_both(nodes: list[TpiServer]) -> None:
    """Of 100, the processes let through no more beside than what one of them did not know of the others' when it wrote last."""
    token = nodes[0].inside(inside.token, user="mia", verbs=["read"])
    with ExitStack() as stack:
        sessions = cycle([stack.enter_context(Session(node.url, basic(token))) for node in nodes])
        let_through = 0
        for some in (40, 20, 20):
            assert [next(sessions).get("/api/v1/").status for _ in range(some)] == [200] * some
            let_through += some
            wait_until(
                lambda: nodes[0].inside(inside.requests_of, name="mia") == let_through, 60, lambda: "not written"
            )
        statuses = [next(sessions).get("/api/v1/").status for _ in range(80)]
    assert set(statuses) == {200, 429}
    assert statuses[-2:] == [429, 429]
    assert 20 <= statuses.count(200) < 60
