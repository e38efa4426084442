"""What the shipped proxies keep for inside, and what they count, holds however the address is spelled."""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socket import create_connection, socket
from typing import Any

import pytest

from tests.architecture.source import ROOT
from tests.servers.haproxy import HAProxy
from tests.servers.nginx_front import NginxFront
from tests.servers.ports import LOOPBACK
from tests.servers.tpi import TpiServer

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("proxy guards")]

Ask = Callable[[str, str], tuple[int, bytes]]
SPELLINGS = [
    "/{0}",
    "/%{1:02x}{2}",
    "/%{1:02X}{2}?a=b",
    "/{0}?",
    "/{0}#x",
    "//{0}",
    "/./{0}",
    "/x/../{0}",
    "/x/%2e%2e/{0}",
    "/%2f{0}",
    "/{0}/",
    "/{0}/.",
    "/{0};x",
    "/{0}%00",
    "/{0}%0a",
    "/{0}%20",
    "/%25{1:02x}{2}",
    "/{3}",
    "/%c0%ad{2}",
    "{0}",
    "http:/{0}",
    "x:/{0}",
    "http:{0}",
    "http://tpi.example/{0}",
    "http://tpi.example/%{1:02x}{2}",
    "HTTP://tpi.example:80//{0}",
    "//tpi.example/{0}",
    "\\{0}",
    "/\\{0}",
]
"""The word, its first letter as a number, its other letters, the word in capitals."""
PASSWORDS = [
    "/account/sign-in/",
    "/%61ccount/sign-in/",
    "/account/%73ign-in/code/",
    "/admin/%6cogin/",
    "/account/confirm/",
]


@pytest.fixture(scope="module")
def node() -> Iterator[TpiServer]:
    """One that keeps nothing from anybody, so that only the proxy does."""
    open_to_all = {"TPI_METRICS_NETWORKS": "0.0.0.0/0,::/0", "TPI_TRUSTED_PROXIES": "127.0.0.0/8"}
    with TpiServer(settings=open_to_all) as node:
        assert b"tpi_" in _answer(create_connection((LOOPBACK, node.port), 60), "GET", "/%6detrics")[1]
        yield node


@contextmanager
def _haproxy(node: TpiServer) -> Iterator[Ask]:
    with HAProxy([node.port, node.port]) as front:

        def ask(method: str, target: str) -> tuple[int, bytes]:
            """A busy machine's node may be late for one question of HAProxy's, which then has none to send to."""
            for _ in range(5):
                front.wait_until(node0="UP")
                told = _answer(create_connection((LOOPBACK, front.port), 60), method, target)
                if told[0] != 503:
                    break
            return told

        yield ask


@contextmanager
def _nginx(node: TpiServer) -> Iterator[Ask]:
    with NginxFront([node.port, node.port]) as front:

        def connection() -> socket:
            return front.context.wrap_socket(create_connection((LOOPBACK, front.port), 60), server_hostname=LOOPBACK)

        yield lambda method, target: _answer(connection(), method, target)


@pytest.fixture(scope="module", params=[_haproxy, _nginx], ids=["haproxy", "nginx"])
def ask(request: Any, node: TpiServer) -> Iterator[Ask]:
    with request.param(node) as ask:
        yield ask


def _answer(connection: socket | ssl.SSLSocket, method: str, target: str) -> tuple[int, bytes]:
    """Status, 0 where the proxy just closes, and all that came."""
    sent = f"{method} {target} HTTP/1.1\r\nHost: tpi.example\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with connection:
        connection.sendall(sent.encode())
        got = b"".join(iter(lambda: connection.recv(65536), b""))
    return int(got.split(b" ", 2)[1]) if got.startswith(b"HTTP/") else 0, got


def test_what_is_for_inside_comes_out_by_no_spelling(ask: Ask) -> None:
    assert ask("GET", "/livez")[0] == 200
    for word in ("metrics", "readyz"):
        for spelling in SPELLINGS:
            target = spelling.format(word, ord(word[0]), word[1:], word.upper())
            status, got = ask("GET", target)
            assert status in (0, 301, 400, 401, 403, 404, 405), (target, status)
            assert b"tpi_jobs" not in got, target
            assert b'"parts"' not in got, target


def test_attempts_at_passwords_are_counted_by_any_spelling(ask: Ask) -> None:
    statuses = Counter(ask("POST", PASSWORDS[number % len(PASSWORDS)])[0] for number in range(140))
    assert statuses[429] >= 10, statuses
    assert ask("GET", "/account/sign-in/")[0] == 200, "who only looks is not counted"


def test_a_project_may_be_called_as_what_is_kept_inside(ask: Ask) -> None:
    for path in ("/simple/metrics/", "/main/simple/readyz/", "/main/simple/metrics"):
        assert ask("GET", path)[0] == 401, path


def test_composes_proxy_has_the_same_guards() -> None:
    shipped, compose = ((ROOT / "deploy" / path).read_text() for path in ("haproxy.cfg", "compose/haproxy.cfg"))
    guards = {
        line.strip() for line in shipped.splitlines() if "deny_status 4" in line and "deny_status 429" not in line
    }
    assert len(guards) == 2
    assert guards <= {line.strip() for line in compose.splitlines()}
