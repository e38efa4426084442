"""Free loopback ports and waiting for what listens on them."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable, Sequence

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A port of the loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def status_of(port: int, path: str, timeout: float = 5.0, address: str = LOOPBACK) -> int | None:
    """The status that ``path`` answers with, or None while nobody answers."""
    connection = http.client.HTTPConnection(address, port, timeout=timeout)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def wait_until(is_so: Callable[[], bool], seconds: float, otherwise: Callable[[], str]) -> None:
    """Return as soon as ``is_so()``; after ``seconds`` fail with the text of ``otherwise()``."""
    until = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > until:
            raise AssertionError(otherwise())
        time.sleep(0.05)


class ClaimedAddress:
    """A loopback address that nobody listens at on the given ports, and that no other test process takes meanwhile.

    For servers whose ports cannot be chosen. The claim is a socket with an abstract name, which the kernel forgets with
    the process.
    """

    def __init__(self, *, purpose: str, first: int, ports: Sequence[int], choices: int = 60) -> None:
        for last in range(first, first + choices):
            self.address = f"127.0.0.{last}"
            self._claim = socket.socket(socket.AF_UNIX)
            try:
                self._claim.bind(f"\0tpi-tests-{purpose}-{self.address}")
                for port in ports:
                    _bind_for_a_moment(self.address, port)
            except OSError:
                self._claim.close()
            else:
                return
        raise AssertionError(f"No loopback address has the ports {[*ports]} free; does a server listen on all of them?")

    def release(self) -> None:
        """Let others have it."""
        self._claim.close()


def _bind_for_a_moment(address: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((address, port))
        probe.listen()
