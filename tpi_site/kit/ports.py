"""Whether the address that the server is to listen on is free."""

from __future__ import annotations

import errno
import socket
import time

_LOOK_AGAIN = 0.2  # seconds


def is_free(bind: str) -> bool:
    """Whether nobody listens on ``host:port``; an address that cannot be looked up counts as free, the server says why."""
    host, _, port = bind.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except OSError as error:
            return error.errno != errno.EADDRINUSE
    return True


def wait_until_free(bind: str, *, seconds: float) -> bool:
    """Wait for those who were killed a moment ago to let go of the address; False when somebody keeps it."""
    until = time.monotonic() + seconds
    while not is_free(bind):
        if time.monotonic() > until:
            return False
        time.sleep(_LOOK_AGAIN)
    return True
