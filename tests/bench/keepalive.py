"""One kept-alive connection for single requests."""

from __future__ import annotations

import re
import socket
from typing import BinaryIO, Self

_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_PIECE = 1024 * 1024


class Keepalive:
    """A connection to a port of the loopback interface; raises ConnectionError for anything but 200."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray(_PIECE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._socket.close()

    def ask(self, request: bytes) -> int:
        """Send a request and read its answer to the end; the bytes of the body."""
        self._socket.sendall(request)
        return self.read_answer()

    def read_answer(self) -> int:
        """Read one answer to its end."""
        head = b""
        while (end := head.find(b"\r\n\r\n")) < 0:
            head += self._receive(64 * 1024)
        if not head.startswith(b"HTTP/1.1 200"):
            raise ConnectionError(head[:500].decode("latin-1"))
        found = _LENGTH.search(head[:end])
        length = int(found[1]) if found else 0
        left = length - (len(head) - end - 4)
        while left > 0:
            count = self._socket.recv_into(self._buffer)
            if not count:
                raise ConnectionError("The answer was cut off.")
            left -= count
        return length

    def send(self, head: bytes, before: bytes, file: BinaryIO, after: bytes) -> int:
        """Send a request whose body is ``file``'s bytes between two others, and read its answer."""
        self._socket.sendall(head + before)
        self._socket.sendfile(file)
        self._socket.sendall(after)
        return self.read_answer()

    def _receive(self, size: int) -> bytes:
        piece = self._socket.recv(size)
        if not piece:
            raise ConnectionError("The server closed the connection.")
        return piece
