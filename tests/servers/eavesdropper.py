"""A proxy between a client and TPI that writes down what is asked, and can hide metadata or break a download off."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from tests.servers.ports import LOOPBACK

_HOP = {"connection", "keep-alive", "transfer-encoding", "date", "server"}


@dataclass(frozen=True)
class Asked:
    """One request and the status of its answer."""

    method: str
    path: str
    headers: dict[str, str]
    status: int


@dataclass
class Eavesdropper:
    """``hides_metadata`` takes ``core-metadata`` off the pages; ``cuts_at`` ends the first download after so many bytes."""

    upstream: str
    hides_metadata: bool = False
    cuts_at: int | None = None
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def files(self, suffix: str) -> list[Asked]:
        """The requests for paths that end so."""
        return [one for one in self.asked if one.path.endswith(suffix)]

    @contextmanager
    def listening(self) -> Iterator[Eavesdropper]:
        """Serve on a free port meanwhile."""
        server = ThreadingHTTPServer((LOOPBACK, 0), _handler(self))
        server.daemon_threads = True
        self.url = f"http://{LOOPBACK}:{server.server_port}"
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def without_metadata(self, body: bytes, content_type: str) -> bytes:
        """The page without the mark that a ``.metadata`` file is there."""
        if not self.hides_metadata or "json" not in content_type:
            return body
        page = json.loads(body)
        for file in page.get("files", ()):
            file.pop("core-metadata", None)
        return json.dumps(page).encode()


def _handler(tap: Eavesdropper) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        eavesdropper = tap

    return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    eavesdropper: Eavesdropper

    def do_GET(self) -> None:
        """Pass the question on and the answer back."""
        tap = self.eavesdropper
        parts = urlsplit(tap.upstream)
        assert parts.hostname is not None
        upstream = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            if tap.hides_metadata:
                headers.pop("Accept-Encoding", None)
            upstream.request(self.command, self.path, headers=headers)
            answer = upstream.getresponse()
            body = answer.read()
        finally:
            upstream.close()
        tap.asked.append(Asked(self.command, self.path, dict(self.headers.items()), answer.status))
        if self.command != "HEAD" and answer.status == 200:
            body = tap.without_metadata(body, answer.headers.get("Content-Type", ""))
        self._send_head(answer, body)
        if self.command != "HEAD":
            self._send_body(body)

    def do_HEAD(self) -> None:
        """The same without a body."""
        self.do_GET()

    def _send_head(self, answer: http.client.HTTPResponse, body: bytes) -> None:
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.headers.items():
            if name.lower() not in _HOP | {"content-length"}:
                self.send_header(name, value)
        length = answer.headers.get("Content-Length") if self.command == "HEAD" else str(len(body))
        self.send_header("Content-Length", length or "0")
        self.end_headers()

    def _send_body(self, body: bytes) -> None:
        tap = self.eavesdropper
        if tap.cuts_at is not None and self.path.endswith(".whl") and len(body) > tap.cuts_at:
            body = body[: tap.cuts_at]
            tap.cuts_at = None
            self.close_connection = True
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        """Stay silent."""
