"""How long is waited: a connection of which no step goes beyond a moment.

A socket's own time-out is for each step, and who sends a byte a second never reaches it.
"""

from __future__ import annotations

import io
import math
import socket
import time


class Deadline:
    """A moment after which nothing is waited for; ``step`` seconds at most are waited for each next byte."""

    def __init__(self, seconds: float, step: float = math.inf) -> None:
        self.renew(seconds, step)

    def renew(self, seconds: float, step: float = math.inf) -> None:
        """Begin again, for the next part of an exchange."""
        self._end, self._step = time.monotonic() + seconds, step

    def left(self) -> float:
        """Seconds until then; raises TimeoutError."""
        if (left := self._end - time.monotonic()) <= 0:
            raise TimeoutError("timed out")
        return min(left, self._step)


class Hurried:
    """A connection as http.client takes one, of which no step goes beyond the deadline."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
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
    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        super().__init__()
        self._sock, self._deadline = sock, deadline

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: memoryview | bytearray, /) -> int:  # type: ignore[override]
        """What comes before the deadline."""
        self._sock.settimeout(self._deadline.left())
        return self._sock.recv_into(buffer)
