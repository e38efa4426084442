"""Redis, which keeps everything in memory and nothing on the disk."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

from tests.servers.daemons import Daemon, program
from tests.servers.ports import LOOPBACK, free_port

_SECONDS = 5.0


class Redis(Daemon):
    """``url`` is its address as ``TPI_CACHE_URL`` takes it; ``configuration`` is a file that may ask for ``password``."""

    name = "redis"

    def __init__(self, *, configuration: Path | None = None, password: str = "") -> None:
        super().__init__()
        self.port = free_port()
        self._configuration = [str(configuration)] if configuration else []
        self._password = password
        self.url = f"redis://{f':{password}@' if password else ''}{LOOPBACK}:{self.port}/0"

    def command(self) -> Sequence[str]:
        """See the base class."""
        options = {"bind": LOOPBACK, "port": str(self.port), "dir": str(self.folder), "save": "", "appendonly": "no"}
        file = self._configuration
        return [
            program("redis-server"),
            *file,
            *(word for name, value in options.items() for word in (f"--{name}", value)),
        ]

    def answers(self) -> bool:
        """See the base class."""
        try:
            return self.ask("PING").startswith(b"-NOAUTH" if self._password else b"+PONG")
        except OSError:
            return False

    def ask(self, *words: str) -> bytes:
        """The first bytes of the answer to an inline command."""
        with socket.create_connection((LOOPBACK, self.port), timeout=_SECONDS) as connection:
            connection.sendall(" ".join(words).encode() + b"\r\n")
            return connection.recv(65536)
