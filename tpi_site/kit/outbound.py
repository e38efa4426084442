"""The one way out: connections to addresses that people have entered.

A name is resolved once and the connection goes to the address that was looked at, so that it cannot turn into another one in
between.  Loopback, link-local and private addresses are refused unless ``TPI_OUTBOUND_NETWORKS`` names them: what an
administrator enters must not become a way into the machine's own neighbourhood.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

from tpi_site.kit.request_context import is_within

TIMEOUT = 10.0
"""Seconds for connecting and for each step after that; for :func:`post`, for all of it."""
_MOST = 64 * 1024  # bytes of an answer that are read


class OutboundFailed(Exception):
    """The other side could not be reached or answered badly; the sentence is fit for an operator."""


@dataclass(frozen=True)
class Answer:
    """What came back: the status and the beginning of the body."""

    status: int
    body: bytes


def connect(host: str, port: int, *, timeout: float = TIMEOUT) -> socket.socket:
    """A TCP connection to an address of ``host`` that may be reached."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise OutboundFailed(f"The name {host} cannot be resolved.") from None
    address = str(found[0][4][0])
    if not is_allowed(address):
        raise OutboundFailed(
            f"{host} is at {address}, a local or private address; TPI_OUTBOUND_NETWORKS does not name its network."
        )
    try:
        return socket.create_connection((address, port), timeout)
    except OSError as error:
        raise OutboundFailed(f"{host} port {port} cannot be reached: {_reason(error)}.") from None


def is_allowed(address: str) -> bool:
    """Whether a connection to ``address`` may be made."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    is_public = parsed.is_global and not parsed.is_multicast
    return is_public or is_within(str(parsed), settings.TPI_OUTBOUND_NETWORKS)


def secure(plain: socket.socket, host: str, ca_certificates: str = "") -> ssl.SSLSocket:
    """TLS over a connection; the certificate must be good for ``host`` by the given authorities (PEM), else the system's."""
    try:
        context = ssl.create_default_context(cadata=ca_certificates or None)
        return context.wrap_socket(plain, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        plain.close()
        raise OutboundFailed(f"The certificate of {host} is not good: {error.verify_message}.") from None
    except (OSError, ValueError) as error:
        plain.close()
        raise OutboundFailed(f"TLS with {host} failed: {_reason(error)}.") from None


def post(
    url: str, body: bytes, headers: Mapping[str, str], *, ca_certificates: str = "", timeout: float = TIMEOUT
) -> Answer:
    """POST ``body`` to an http or https address; redirects are answers like any other and are not followed.

    After ``timeout`` seconds it is over, however much came by then; only the look-up of the name has its own limit.
    """
    deadline = _Deadline(timeout)
    parts = urlsplit(url)
    host, is_secure = parts.hostname or "", parts.scheme == "https"
    connection = http.client.HTTPConnection(host, parts.port or (443 if is_secure else 80), timeout=timeout)
    sock: socket.socket = connect(host, connection.port, timeout=timeout)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        sock.settimeout(deadline.left())
        sock = secure(sock, host, ca_certificates) if is_secure else sock
        connection.sock = _Hurried(sock, deadline)
        connection.request("POST", path, body, {**headers, "Host": parts.netloc.rpartition("@")[2]})
        response = connection.getresponse()
        return Answer(response.status, response.read(_MOST))
    except (OSError, http.client.HTTPException) as error:
        raise OutboundFailed(f"{host} did not answer the request: {_reason(error)}.") from None
    finally:
        connection.close()
        sock.close()


class _Deadline:
    """A moment after which nothing is waited for."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds until then; raises TimeoutError."""
        if (left := self._end - time.monotonic()) <= 0:
            raise TimeoutError("timed out")
        return left


class _Hurried:
    """A connection as http.client takes one, of which no step goes beyond the deadline.

    A socket's own time-out is for each step, and who sends a byte a second never reaches it.
    """

    def __init__(self, sock: socket.socket, deadline: _Deadline) -> None:
        self._sock, self._deadline = sock, deadline

    def sendall(self, piece: bytes) -> None:
        """As a socket's."""
        self._sock.settimeout(self._deadline.left())
        self._sock.sendall(piece)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What is received, in bytes."""
        return io.BufferedReader(_Received(self._sock, self._deadline))

    def close(self) -> None:
        """Nothing: the answer is read still, and whoever asked closes the connection."""


class _Received(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: _Deadline) -> None:
        super().__init__()
        self._sock, self._deadline = sock, deadline

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: memoryview | bytearray, /) -> int:  # type: ignore[override]
        """What comes before the deadline."""
        self._sock.settimeout(self._deadline.left())
        return self._sock.recv_into(buffer)


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).rstrip(".")
