"""The fast path in front of Django: what it takes, what it passes on, and what happens when something fails."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import DatabaseError, OperationalError, connection

from indexapp.views.machine.messages import Question, Reply
from indexapp.views.machine.wsgi import MachineReads, Waiting
from tests.factories.cast import Cast
from tests.factories.publishing import published
from tests.wsgi_client import WsgiClient
from tpi_site.kit.request_context import RequestContext

pytestmark = [pytest.mark.database, pytest.mark.django_db]

JSON = "application/vnd.pypi.simple.v1+json"


@pytest.fixture
def passed_on() -> list[str]:
    return []


@pytest.fixture
def client(db: None, passed_on: list[str]) -> WsgiClient:
    django = WSGIHandler()

    def behind(environ: dict[str, Any], start_response: Any) -> Any:
        passed_on.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        return django(environ, start_response)

    return WsgiClient(MachineReads(behind))


@pytest.mark.parametrize(
    "url",
    [
        "/simple/",
        "/simple",
        "/simple/acme-tool/",
        "/main/simple/acme-tool/",
        "/main/files/00/00/" + "0" * 60 + "/x.whl",
        "/packages/main/00/00/" + "0" * 60 + "/x.whl",
        "/main/pypi/acme-tool/json",
        "/pypi/acme-tool/1.0/json",
        "/legacy/+simple/acme-tool/",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_reads_of_installers_do_not_reach_django(
    cast: Cast, client: WsgiClient, passed_on: list[str], url: str, method: str
) -> None:
    assert client.request(method, url).status == 401
    assert passed_on == []


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("POST", "/simple/"),
        ("GET", "/livez"),
        ("GET", "/api/simple/"),
        ("GET", "/account/files/simple/"),
        ("GET", "/main/simple/a/b/c/"),
        ("GET", "/Main/simple/acme/"),
        ("GET", "/main/files/not/a/digest"),
        ("POST", "/legacy/"),
    ],
)
def test_all_else_does(cast: Cast, client: WsgiClient, passed_on: list[str], method: str, url: str) -> None:
    client.request(method, url)
    assert passed_on == [f"{method} {url}"]


@pytest.mark.parametrize(
    "path", ["/simple/%ff%fe/", "/simple/%E3%82%B9/", "/simple/..%2f..%2fetc/", "/simple/a%00b/", "/simple/%0d%0aX: y/"]
)
def test_strange_paths_are_names_that_are_not_there(cast: Cast, machine: WsgiClient, path: str) -> None:
    answer = machine.signed(cast.bearer("reader")).get(path)
    assert answer.status == 404
    assert answer.reason.isprintable()


def test_each_answer_carries_the_requests_id(cast: Cast, machine: WsgiClient, settings: Any) -> None:
    assert len(machine.get("/simple/", X_Request_ID="build-17").headers["X-Request-ID"]) == 16
    settings.TPI_TRUSTED_PROXIES = ["192.0.2.0/24"]
    assert machine.get("/simple/", X_Request_ID="build-17").headers["X-Request-ID"] == "build-17"
    assert len(machine.get("/simple/", X_Request_ID="two words").headers["X-Request-ID"]) == 16


def _failing(error: Exception) -> Any:
    def fail(execute: Any, sql: str, *rest: Any) -> Any:
        if "indexapp_project" in sql:
            raise error
        return execute(sql, *rest)

    return connection.execute_wrapper(fail)


def test_a_fault_of_ours_is_logged_and_told_without_its_inside(
    cast: Cast, machine: WsgiClient, caplog: pytest.LogCaptureFixture
) -> None:
    with _failing(RuntimeError("the inside")), caplog.at_level(logging.ERROR):
        answer = machine.signed(cast.bearer("administrator")).get("/simple/acme-tool/")
    assert (answer.status, answer.code) == (500, "internal-error")
    assert b"the inside" not in answer.body
    assert "A read failed: /simple/acme-tool/" in caplog.text


def test_a_database_that_is_away_is_said_to_come_back(cast: Cast, machine: WsgiClient) -> None:
    asker = machine.signed(cast.bearer("administrator"))
    with _failing(OperationalError("gone")):
        answer = asker.get("/simple/acme-tool/")
    assert (answer.status, answer.code) == (503, "unavailable")
    assert "gone" not in answer.json["detail"]


class Late:
    """An answer that a thread asks the database for whose connection has died meanwhile."""

    def __init__(self) -> None:
        self.replies: Iterator[Reply | OperationalError] = iter([OperationalError("gone"), Reply(200, [], b"here")])

    def reply(self) -> Reply:
        found = next(self.replies)
        if isinstance(found, OperationalError):
            raise found
        return found

    wait = reply

    def listen(self, wake: Callable[[], None]) -> None:
        pass

    def close(self) -> None:
        pass


def test_a_late_answer_comes_by_a_new_connection(machine: WsgiClient) -> None:
    waiting = Waiting(Question("/late"), Late(), RequestContext())
    with ThreadPoolExecutor(1) as other:
        polled = other.submit(waiting.poll).result()
    assert polled is not None
    assert (polled[0], polled[2]) == ("200 OK", b"here")


def test_any_other_fault_of_the_database_is_ours(cast: Cast, machine: WsgiClient) -> None:
    asker = machine.signed(cast.bearer("administrator"))
    with _failing(DatabaseError("odd")):
        assert asker.get("/simple/acme-tool/").status == 500


@pytest.mark.parametrize("passes_prefix", [True, False])
def test_an_installation_below_a_path(cast: Cast, machine: WsgiClient, settings: Any, passes_prefix: bool) -> None:
    """Some proxies pass the prefix on and some take it off."""
    settings.FORCE_SCRIPT_NAME = "/pkgs"
    published(cast.index)
    asker = machine.signed(cast.bearer("reader"))
    front = "/pkgs" if passes_prefix else ""
    page = asker.get(f"{front}/simple/acme-tool/", Accept=JSON)
    [row] = page.json["files"]
    assert row["url"].startswith("/pkgs/main/files/")
    path = row["url"] if passes_prefix else row["url"].removeprefix("/pkgs")
    assert asker.get(path).status == 200
    assert asker.get(f"{front}/simple/Acme.Tool/").headers["Location"] == "/pkgs/simple/acme-tool/"


def test_the_two_ways_answer_alike(cast: Cast, machine: WsgiClient, plain_django: WsgiClient) -> None:
    file = published(cast.index)
    path = f"{file.sha256[:2]}/{file.sha256[2:4]}/{file.sha256[4:]}/{file.filename}"
    headers = cast.bearer("reader")
    for url in ("/simple/", "/simple/acme-tool/", f"/main/files/{path}", "/main/pypi/acme-tool/json", "/simple/none/"):
        fast = machine.signed(headers).get(url, Accept=JSON)
        slow = plain_django.signed(headers).get(url, Accept=JSON)
        assert (fast.status, fast.body, fast.reason) == (slow.status, slow.body, slow.reason)
        for name in ("Content-Type", "ETag", "Cache-Control", "X-PyPI-Last-Serial"):
            assert fast.headers[name] == slow.headers[name], (url, name)
