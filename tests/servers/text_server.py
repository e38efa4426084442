"""A server that answers every GET with one text, for pages that no index would make."""

from __future__ import annotations

from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.servers.certificates import ServerCertificate
from tests.servers.ports import LOOPBACK
from tests.servers.static_index import server_context
from tests.servers.threaded import Threaded


class TextServer(Threaded):
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

        server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        server.daemon_threads = True
        server.handle_error = lambda request, address: None  # type: ignore[method-assign]  # clients go away
        if context := server_context(certificate):
            server.socket = context.wrap_socket(server.socket, server_side=True)
        self.url = f"http{'s' if certificate else ''}://{LOOPBACK}:{server.server_port}/simple/"
        self._listen(server)
