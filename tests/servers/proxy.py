"""A forward proxy on loopback: CONNECT for what goes over TLS, whole addresses for what does not.

It resolves every name to the loopback address, so that a client behind it may ask for names that no resolver has.
"""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.servers.certificates import ServerCertificate
from tests.servers.ports import LOOPBACK
from tests.servers.threaded import Threaded

_PIECE = 64 * 1024


class Forwarded(NamedTuple):
    """A request to the proxy; header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]


class Proxy(Threaded):
    """``with Proxy() as proxy: proxy.url``; ``requests`` are those for which it was asked, refused ones too.

    ``credentials`` is ``user:password``; ``answers`` is what it says to CONNECT in place of doing it.
    """

    def __init__(
        self, *, credentials: str = "", certificate: ServerCertificate | None = None, answers: bytes = b""
    ) -> None:
        self.requests: list[Forwarded] = []
        self.answers = answers
        self.wanted = "Basic " + base64.b64encode(credentials.encode()).decode() if credentials else ""
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) if certificate else None
        if self._context and certificate:
            self._context.load_cert_chain(certificate.certificate, certificate.key)
        server = _Server((LOOPBACK, 0), _Handler)
        server.proxy, server.context = self, self._context
        self.address = f"{LOOPBACK}:{server.server_port}"
        self.url = f"{'https' if certificate else 'http'}://{self.address}"
        self._listen(server)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    proxy: Proxy
    context: ssl.SSLContext | None

    def get_request(self) -> tuple[socket.socket, Any]:
        sock, address = super().get_request()
        sock.settimeout(30)
        if self.context is not None:
            sock = self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        return sock, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients go away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_CONNECT(self) -> None:
        """Carry bytes to and fro."""
        self.close_connection = True
        if not self._is_let_in():
            return
        if self.server.proxy.answers:
            self.wfile.write(self.server.proxy.answers)
            return
        with socket.create_connection((LOOPBACK, int(self.path.rpartition(":")[2])), 30) as other:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n")
            back = threading.Thread(target=_carry, args=(other, self.connection), daemon=True)
            back.start()
            _carry(self.connection, other)
            back.join(30)

    def do_GET(self) -> None:
        """Ask in the client's place."""
        self.close_connection = True
        if not self._is_let_in():
            return
        parts = urlsplit(self.path)
        lines = [f"GET {parts.path}?{parts.query} HTTP/1.1".replace("? ", " ")]
        lines += [f"{name}: {value}" for name, value in self.headers.items() if not name.lower().startswith("proxy-")]
        with socket.create_connection((LOOPBACK, parts.port or 80), 30) as other:
            other.sendall("\r\n".join([*lines, "", ""]).encode())
            _carry(other, self.connection)

    def _is_let_in(self) -> bool:
        headers = {name.lower(): value for name, value in self.headers.items()}
        proxy = self.server.proxy
        proxy.requests.append(Forwarded(self.command, self.path, headers))
        if headers.get("proxy-authorization", "") == proxy.wanted:
            return True
        self.wfile.write(b'HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="p"\r\nContent-Length: 0\r\n\r\n')
        return False

    def log_message(self, *arguments: object) -> None:
        """Stay silent."""


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(_PIECE):
            sink.sendall(piece)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
