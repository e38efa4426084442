"""A relay before PostgreSQL that lets a commit through and swallows the answer, as a network does that fails just then."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Lock, Thread

from tests.servers.ports import LOOPBACK

_PIECE = 65536


class LossyRelay:
    """Listens on ``port`` for the server on another; armed, it loses one answer."""

    def __init__(self, port: int) -> None:
        self._upstream = port
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port = int(self._listener.getsockname()[1])
        self._words = b""
        self._lock = Lock()
        self.has_lost = Event()

    def arm(self, words: str) -> None:
        """Lose the answer to the next commit on a connection on which these words were sent before."""
        self.has_lost.clear()
        self._words = words.encode()

    @contextmanager
    def relaying(self) -> Iterator[LossyRelay]:
        """Relay in threads of this process meanwhile."""
        Thread(target=self._accept, daemon=True).start()
        try:
            yield self
        finally:
            self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection((LOOPBACK, self._upstream))
                is_cut = Event()
                Thread(target=self._forward, args=(client, server, is_cut), daemon=True).start()
                Thread(target=self._back, args=(server, client, is_cut), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket, is_cut: Event) -> None:
        is_marked = False
        with suppress(OSError), client, server:
            while piece := client.recv(_PIECE):
                with self._lock:
                    is_marked = is_marked or bool(self._words and self._words in piece)
                    if is_marked and b"COMMIT" in piece:
                        self._words = b""
                        is_cut.set()
                server.sendall(piece)

    def _back(self, server: socket.socket, client: socket.socket, is_cut: Event) -> None:
        with suppress(OSError), server, client:
            while piece := server.recv(_PIECE):
                if is_cut.is_set():
                    self.has_lost.set()
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(piece)
