"""A relay before a site that bends its answers: cut at a byte, other bytes, garbage, or a fault."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.servers.ports import LOOPBACK
from tests.servers.threaded import Threaded


class Bent(NamedTuple):
    """What is answered: status, what is announced, and what is sent of it before the connection ends."""

    status: int
    body: bytes
    sent: int


_KEPT = {"Content-Range", "Retry-After", "X-TPI-Serial", "X-TPI-Site"}
Bend = Callable[[str, int, bytes], Bent]
"""Told the path, the status and the body."""


def straight(_path: str, status: int, body: bytes) -> Bent:
    """Nothing is bent."""
    return Bent(status, body, len(body))


class BentSite(Threaded):
    """``with BentSite(url) as site: site.url``; ``bend`` may be changed meanwhile, ``paths`` are what was asked.

    Of a body that is sent no more than ``takes`` bytes are read, after which the connection ends.
    """

    def __init__(self, url: str) -> None:
        self.port = urlsplit(url).port
        self.bend: Bend = straight
        self.paths: list[tuple[str, str]] = []
        self.takes: int | None = None
        server = _Server((LOOPBACK, 0), _Handler)
        server.site = self
        self.url = f"http://{LOOPBACK}:{server.server_port}"
        self._listen(server)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    site: BentSite


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._relay(None)

    def do_POST(self) -> None:
        length, takes = int(self.headers.get("Content-Length", 0)), self.server.site.takes
        if takes is not None and length > takes:
            self.server.site.paths.append((self.path, ""))
            self.rfile.read(takes)
            self.close_connection = True
            return
        self._relay(self.rfile.read(length))

    def _relay(self, body: bytes | None) -> None:
        site = self.server.site
        site.paths.append((self.path, self.headers.get("Range", "")))
        connection = http.client.HTTPConnection(LOOPBACK, site.port, timeout=60)
        try:
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            found = site.bend(self.path, answer.status, answer.read())
        except (OSError, http.client.HTTPException):  # the site behind is away, or died over it
            self.close_connection = True
            return
        finally:
            connection.close()
        self.send_response(found.status)
        self.send_header("Content-Length", str(len(found.body)))
        self.send_header("Connection", "close")
        for name, given in answer.headers.items():
            if name in _KEPT:
                self.send_header(name, given)
        self.end_headers()
        with suppress(BrokenPipeError, ConnectionResetError):  # who asked has seen enough
            self.wfile.write(found.body[: found.sent])
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        """Nothing."""
