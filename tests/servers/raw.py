"""Requests byte by byte, for what no decent client would send."""

from __future__ import annotations

import http.client
import json
import socket
import struct
from dataclasses import dataclass
from typing import Any

from tests.servers.ports import LOOPBACK


@dataclass(frozen=True)
class RawAnswer:
    """The first answer on a connection; status 0 when the server closed without one."""

    status: int
    reason: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def exchange(port: int, request: bytes, *, half_close: bool = False, timeout: float = 60.0) -> RawAnswer:
    """Send the bytes and read one answer; with ``half_close`` the server sees the end of our bytes."""
    with socket.create_connection((LOOPBACK, port), timeout) as connection:
        try:
            connection.sendall(request)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the server has answered and closed; its answer is still to be read
        return answer_on(connection)


def abandon(port: int, request: bytes) -> None:
    """Send the bytes and reset the connection."""
    with socket.create_connection((LOOPBACK, port), 60) as connection:
        connection.sendall(request)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def answer_on(connection: socket.socket) -> RawAnswer:
    """The next answer, where no other follows it at once."""
    answer = http.client.HTTPResponse(connection)
    try:
        answer.begin()
        body = answer.read()
    except (ConnectionResetError, BrokenPipeError, http.client.BadStatusLine):
        return RawAnswer(0, "", {}, b"")
    finally:
        answer.close()
    return RawAnswer(answer.status, answer.reason, {name.lower(): value for name, value in answer.getheaders()}, body)


def head(method: str, target: str, headers: dict[str, str | bytes]) -> bytes:
    """The request's first lines, whatever they hold."""
    lines = [f"{method} {target} HTTP/1.1".encode("latin-1"), b"Host: 127.0.0.1"]
    for name, value in headers.items():
        lines.append(name.encode() + b": " + (value if isinstance(value, bytes) else value.encode()))
    return b"\r\n".join([*lines, b"", b""])
