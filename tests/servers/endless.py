"""A server that promises gigabytes and sends for as long as somebody takes them."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.servers.ports import LOOPBACK

MIB = 2**20


class EndlessServer:
    """A context manager; each request is answered with ``status``, ``headers`` and ``megabytes`` of a body; ``sent`` counts bytes."""

    def __init__(
        self, status: int, *, megabytes: int = 64, headers: tuple[str, ...] = (), is_chunked: bool = False
    ) -> None:
        self.sent = 0
        self.requests: list[str] = []
        self._megabytes, self._is_chunked = megabytes, is_chunked
        length = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {3 * 10**9}"
        lines = (f"HTTP/1.1 {status} Lie", "Content-Type: application/xml", length, *headers)
        self._head = "\r\n".join((*lines, "", "")).encode()
        self._listening = socket.create_server((LOOPBACK, 0))
        self.url = f"http://{LOOPBACK}:{self._listening.getsockname()[1]}"
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._begin(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(30)

    def _begin(self, what: object, *arguments: object) -> None:
        thread = threading.Thread(target=what, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self._begin(self._serve, self._listening.accept()[0])

    def _serve(self, connection: socket.socket) -> None:
        piece = b"A" * 2**16
        framed = b"%x\r\n%s\r\n" % (len(piece), piece) if self._is_chunked else piece
        with connection, suppress(OSError):
            connection.settimeout(20)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**16)
            asked = b""
            while b"\r\n\r\n" not in asked:
                asked += connection.recv(65536)
            self.requests.append(asked.split(b"\r\n")[0].decode())
            connection.sendall(self._head)
            for _ in range(self._megabytes * MIB // len(piece)):
                connection.sendall(framed)
                self.sent += len(piece)
