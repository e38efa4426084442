"""A server that answers every GET with one text, for pages that no index would make."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from tests.servers.certificates import ServerCertificate
from tests.servers.ports import LOOPBACK
from tests.servers.static_index import server_context


class TextServer:
    """``url`` is the root of a simple repository of which each page and the list is ``text``."""

    def __init__(
        self,
        text: str | bytes,
        content_type: str,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        certificate: ServerCertificate | None = None,
    ) -> None:
        body = text if isinstance(text, bytes) else text.encode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                for name, value in {
                    "Content-Type": content_type,
                    "Content-Length": str(len(body)),
                    **(headers or {}),
                }.items():
                    if value:
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda request, address: None  # type: ignore[method-assign]  # clients go away
        if context := server_context(certificate):
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"http{'s' if certificate else ''}://{LOOPBACK}:{self._server.server_port}/simple/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join(30)
        self._server.server_close()
