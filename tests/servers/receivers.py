"""Receivers of audit streams: a syslog server over TLS and an HTTP server, on loopback, each with a certificate of its own."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from time import sleep

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certificate(folder: Path, name: str = "localhost") -> tuple[Path, str]:
    """A self-signed certificate for ``name`` and 127.0.0.1: the file with key and certificate, and the certificate as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName(
        [x509.DNSName(name), *([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))] if name == "localhost" else [])]
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM).decode()
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / f"{name}.pem"
    path.write_text(secret.decode() + pem)
    return path, pem


class SyslogReceiver:
    """Takes messages with octet counting until its client says good-bye."""

    def __init__(self, certificate: Path) -> None:
        self.messages: list[str] = []
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            try:
                with self._context.wrap_socket(plain, server_side=True) as secured:
                    self._read(secured)
                    secured.unwrap()
            except OSError:
                continue

    def _read(self, secured: ssl.SSLSocket) -> None:
        file = secured.makefile("rb")
        while True:
            digits = b""
            while (byte := file.read(1)) not in (b" ", b""):
                digits += byte
            if not digits:
                return
            self.messages.append(file.read(int(digits)).decode())

    def close(self) -> None:
        """End."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)


@contextmanager
def syslog(certificate: Path) -> Iterator[SyslogReceiver]:
    """A receiver for the time of the block."""
    receiver = SyslogReceiver(certificate)
    try:
        yield receiver
    finally:
        receiver.close()


class HttpReceiver:
    """Keeps what it is sent; answers ``statuses`` in turn, then 204, or drips headers until its client is gone."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        self.drips = False
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 204)
                self.send_header("Location", "http://127.0.0.1:1/")
                self.send_header("Content-Length", "0")
                if receiver.drips:
                    return self._drip()
                self.end_headers()
                return None

            def _drip(self) -> None:
                self.close_connection = True
                self.flush_headers()
                with suppress(OSError):
                    for _ in range(300):
                        self.wfile.write(b"X-Drop: .\r\n")
                        sleep(0.1)  # between the drops

            def log_message(self, *arguments: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/in?x=1"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


@contextmanager
def http() -> Iterator[HttpReceiver]:
    """A receiver for the time of the block."""
    receiver = HttpReceiver()
    try:
        yield receiver
    finally:
        receiver.close()
