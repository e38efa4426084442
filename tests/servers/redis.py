"""Redis, which keeps everything in memory and nothing on the disk."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from tests.servers.daemons import Daemon, program
from tests.servers.ports import LOOPBACK, free_port

_SECONDS = 5.0


class Redis(Daemon):
    """``url`` is its address as ``TPI_CACHE_URL`` takes it."""

    name = "redis"

    def __init__(self) -> None:
        super().__init__()
        self.port = free_port()
        self.url = f"redis://{LOOPBACK}:{self.port}/0"

    def command(self) -> Sequence[str]:
        """See the base class."""
        options = {"bind": LOOPBACK, "port": str(self.port), "dir": str(self.folder), "save": "", "appendonly": "no"}
        return [program("redis-server"), *(word for name, value in options.items() for word in (f"--{name}", value))]

    def answers(self) -> bool:
        """See the base class."""
        try:
            return self.ask("PING") == b"+PONG\r\n"
        except OSError:
            return False

    def ask(self, *words: str) -> bytes:
        """The first bytes of the answer to an inline command."""
        with socket.create_connection((LOOPBACK, self.port), timeout=_SECONDS) as connection:
            connection.sendall(" ".join(words).encode() + b"\r\n")
            return connection.recv(65536)
