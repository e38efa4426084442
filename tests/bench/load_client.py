"""A small HTTP/1.1 load generator: one process, many kept-alive connections, prepared requests.

``python -m tests.bench.load_client PLAN`` reads a pickled :class:`Plan` and prints a JSON object.  It is the same for
every server that is measured, so what it costs is in both sides of every ratio.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import selectors
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection:\s*close", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:\s*chunked", re.IGNORECASE)
_LAST_CHUNK = b"0\r\n\r\n"
_NOT_MODIFIED = 304
_ERRORS = 400
_RECEIVED = 256 * 1024
_MAX_HEAD = 64 * 1024
_SILENCE = 60.0


@dataclass(frozen=True)
class Side:
    """One server and what to send to it; each request once, or over and over where the plan bounds the time."""

    port: int
    requests: tuple[bytes, ...]


@dataclass(frozen=True)
class Plan:
    """Load for ``sides`` in turn, ``slices`` times ``seconds`` each; without ``seconds`` until all was sent once."""

    sides: tuple[Side, ...]
    connections: int = 16
    slices: int = 1
    seconds: float | None = None
    cpus: frozenset[int] = frozenset()


@dataclass
class Tally:
    """What came back."""

    answered: int = 0
    received: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    unhappy: str = ""


class Ended(Exception):
    """No requests are left, or the time is over."""


class Connection:
    """One connection with at most one request under way."""

    def __init__(self, port: int, requests: Iterator[bytes], tally: Tally, selector: selectors.BaseSelector) -> None:
        self._port = port
        self._requests = requests
        self._tally = tally
        self._selector = selector
        self._buffer = bytearray(_RECEIVED)
        self._open()

    def _open(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=_SILENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self._selector.register(self._socket, selectors.EVENT_READ, self)

    def close(self) -> None:
        """Leave the selector and close."""
        self._selector.unregister(self._socket)
        self._socket.close()

    def begin(self) -> None:
        """Send the next request; raises :class:`Ended` when there is none."""
        request = next(self._requests, None)
        if request is None:
            raise Ended
        self._head = b""
        self._left = -1
        self._unsent = memoryview(request)
        self.send()

    def send(self) -> None:
        """Send what the socket takes, and ask for more of its room while something is left."""
        had_to_wait = self._selector.get_key(self._socket).events & selectors.EVENT_WRITE
        try:
            while self._unsent:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except BlockingIOError:
            pass
        if bool(self._unsent) != bool(had_to_wait):
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._unsent else 0)
            self._selector.modify(self._socket, events, self)

    def receive(self) -> bool:
        """Take what has come; True when the answer is complete."""
        try:
            count = self._socket.recv_into(self._buffer)
        except BlockingIOError:
            return False
        if not count:
            raise ConnectionError("The server closed the connection within an answer.")
        if self._left < 0:
            return self._read_head(count)
        self._tally.received += count
        if self._is_chunked:
            self._tail = (self._tail + self._buffer[max(0, count - len(_LAST_CHUNK)) : count])[-len(_LAST_CHUNK) :]
        else:
            self._left -= count
        return self._is_complete()

    def _read_head(self, count: int) -> bool:
        self._head += self._buffer[:count]
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            if len(self._head) > _MAX_HEAD:
                raise ConnectionError("The server's answer has no end of headers.")
            return False
        body_so_far = len(self._head) - end - 4
        head = self._head[:end]
        length = _LENGTH.search(head)
        status = int(head[9:12])
        self._tally.statuses[status] += 1
        if status >= _ERRORS and not self._tally.unhappy:
            self._tally.unhappy = self._head[:600].decode("latin-1")
        self._is_chunked = length is None and _CHUNKED.search(head) is not None
        self._tail = self._head[end + 4 :][-len(_LAST_CHUNK) :]
        self._left = (
            0 if self._is_chunked else (int(length[1]) if length and status != _NOT_MODIFIED else 0) - body_so_far
        )
        self._tally.received += body_so_far
        self._closes = _CLOSES.search(head) is not None
        return self._is_complete()

    def _is_complete(self) -> bool:
        if self._left > 0 or (self._is_chunked and self._tail != _LAST_CHUNK):
            return False
        self._tally.answered += 1
        if self._closes:
            self.close()
            self._open()
        return True


class Load:
    """The connections to one server and what came of them."""

    def __init__(self, side: Side, plan: Plan) -> None:
        self.tally = Tally()
        self.elapsed = 0.0
        self.used = 0.0
        self._selector = selectors.DefaultSelector()
        requests = iter(side.requests) if plan.seconds is None else cycle(side.requests)
        self._connections = [
            Connection(side.port, requests, self.tally, self._selector) for _ in range(plan.connections)
        ]

    def run(self, seconds: float | None) -> None:
        """Send for so long, or all there is, and wait for the answers to what was sent."""
        started, used = time.perf_counter(), time.process_time()
        until = None if seconds is None else started + seconds
        busy = sum(_begin(connection, until) for connection in self._connections)
        while busy:
            ready = self._selector.select(_SILENCE)
            if not ready:
                raise TimeoutError("The server was silent for a minute.")
            for key, events in ready:
                connection: Connection = key.data
                if events & selectors.EVENT_WRITE:
                    connection.send()
                if events & selectors.EVENT_READ and connection.receive():
                    busy -= not _begin(connection, until)
        self.elapsed += time.perf_counter() - started
        self.used += time.process_time() - used

    def close(self) -> None:
        """Close the connections."""
        for connection in self._connections:
            connection.close()

    @property
    def result(self) -> dict[str, Any]:
        """What came back, as JSON has it."""
        tally = self.tally
        return {
            "answered": tally.answered,
            "received": tally.received,
            "seconds": self.elapsed,
            "used": self.used,
            "statuses": dict(tally.statuses),
            "unhappy": tally.unhappy,
        }


def _begin(connection: Connection, until: float | None) -> bool:
    """Whether another request went out."""
    if until is not None and time.perf_counter() >= until:
        return False
    try:
        connection.begin()
    except Ended:
        return False
    return True


def main() -> int:
    """Carry out the plan in the file that the argument names."""
    plan: Plan = pickle.loads(Path(sys.argv[1]).read_bytes())
    if plan.cpus:
        os.sched_setaffinity(0, plan.cpus)
    loads = [Load(side, plan) for side in plan.sides]
    for _ in range(plan.slices):
        for load in loads:
            load.run(plan.seconds)
    for load in loads:
        load.close()
    sys.stdout.write(json.dumps([load.result for load in loads]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
