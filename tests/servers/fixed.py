"""A server that reads what it is sent and answers each POST and GET with the same, or never."""

from __future__ import annotations

from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event
from types import TracebackType
from typing import NamedTuple

from tests.servers.ports import LOOPBACK
from tests.servers.threaded import Threaded

_KEPT = 256 * 1024  # bytes of a body


class Sent(NamedTuple):
    """What came: headers by lower-case name, and the beginning of the body."""

    path: str
    headers: dict[str, str]
    body: bytes


class Fixed(Threaded):
    """``with Fixed(200, b"") as site: site.url``; status 0 lets who asks wait until the end."""

    def __init__(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.sent: list[Sent] = []
        self._ending = ending = Event()
        sent = self.sent

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                given, left = b"", int(self.headers["Content-Length"])
                while left and (piece := self.rfile.read(min(left, _KEPT))):
                    left -= len(piece)
                    given = given or piece
                self._answer(given)

            def do_GET(self) -> None:
                self._answer(b"")

            def _answer(self, given: bytes) -> None:
                sent.append(Sent(self.path, {name.lower(): value for name, value in self.headers.items()}, given))
                if not status:
                    ending.wait(60)
                    return
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                """Quiet."""

        server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        server.daemon_threads = True
        self.url = f"http://{LOOPBACK}:{server.server_port}"
        self._listen(server)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ending.set()
        super().__exit__(kind, error, at)
