"""TLS inside TLS, as to a server behind a proxy that is itself asked over TLS.

Python's own sockets speak one layer only: the inner one is kept in memory here and its records carried by the outer.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from tpi_site.kit.outbound.deadlines import Deadline
from tpi_site.kit.outbound.failures import OutboundFailed
from tpi_site.kit.outbound.tls import Trust, context_for, secure, tls_failure

_RECORD = 16 * 1024 + 512  # bytes of the largest TLS record
_T = TypeVar("_T")


def secure_over(sock: socket.socket, host: str, trust: Trust, deadline: Deadline) -> socket.socket:
    """TLS with ``host`` over a connection that may be a secured one already; closes it where that fails."""
    try:
        sock.settimeout(deadline.left())
    except TimeoutError as error:
        sock.close()
        raise tls_failure(host, error) from None
    if not isinstance(sock, ssl.SSLSocket):
        return secure(sock, host, trust=trust)
    try:
        return Nested(sock, host, trust, deadline)
    except (OSError, ValueError) as error:
        sock.close()
        raise tls_failure(host, error) from None
    except OutboundFailed:
        sock.close()
        raise


class Nested(socket.socket):
    """What :class:`tpi_site.kit.outbound.deadlines.Hurried` uses of a socket; the rest is that of no connection."""

    def __init__(self, outer: ssl.SSLSocket, host: str, trust: Trust, deadline: Deadline) -> None:
        super().__init__()
        self._outer, self._deadline = outer, deadline
        self._received, self._to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        try:
            self._inner = context_for(trust).wrap_bio(self._received, self._to_send, server_hostname=host)
            self._exchange(self._inner.do_handshake)
        except BaseException:
            super().close()
            raise

    def version(self) -> str | None:
        """Of the inner TLS."""
        return self._inner.version()

    def settimeout(self, value: float | None, /) -> None:
        """Nothing: each step waits as long as the deadline lets it."""

    def sendall(self, data: bytes, _flags: int = 0, /) -> None:  # type: ignore[override]
        """All of it, or OSError."""
        sent = 0
        while sent < len(data):
            sent += self._exchange(partial(self._inner.write, data[sent:]))

    def recv_into(self, buffer: memoryview, nbytes: int = 0, _flags: int = 0, /) -> int:  # type: ignore[override]
        """As a socket's; 0 at the end."""
        try:
            piece = self._exchange(partial(self._inner.read, nbytes or len(buffer)))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return 0
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        """Both layers."""
        self._outer.close()
        super().close()

    def _exchange(self, step: Callable[[], _T]) -> _T:
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                self._send_pending()
                self._outer.settimeout(self._deadline.left())
                if piece := self._outer.recv(_RECORD):
                    self._received.write(piece)
                else:
                    self._received.write_eof()
            else:
                self._send_pending()
                return done

    def _send_pending(self) -> None:
        if self._to_send.pending:
            self._outer.settimeout(self._deadline.left())
            self._outer.sendall(self._to_send.read())
