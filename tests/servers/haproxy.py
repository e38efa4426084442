"""HAProxy in front of nodes: it asks each whether it is ready, and gives each request to one that is."""

from __future__ import annotations

import csv
import io
import socket
from collections.abc import Sequence

from tests.servers.daemons import Daemon, program
from tests.servers.ports import LOOPBACK, free_port

_CONFIGURATION = """
global
    stats socket {folder}/admin.sock mode 600 level admin
    maxconn 512
defaults
    mode http
    option http-keep-alive
    option redispatch
    option forwardfor
    retries 2
    retry-on conn-failure
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    timeout http-request 20s
    http-error status 503 content-type text/plain string "No node can serve this now; try again in a few seconds." hdr Retry-After 5
frontend front
    bind {loopback}:{port}
    default_backend nodes
backend nodes
    balance roundrobin
    option httpchk GET /readyz
    default-server check inter 300ms fall 1 rise 1
{servers}
"""


class HAProxy(Daemon):
    """``url`` is where clients come; ``ports`` are those of the nodes, which it calls ``node0``, ``node1``, …"""

    name = "haproxy"

    def __init__(self, ports: Sequence[int]) -> None:
        super().__init__()
        self.ports = list(ports)
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"

    def command(self) -> Sequence[str]:
        """See the base class."""
        servers = [f"    server node{number} {LOOPBACK}:{port}" for number, port in enumerate(self.ports)]
        path = self.folder / "haproxy.cfg"
        path.write_text(
            _CONFIGURATION.format(folder=self.folder, loopback=LOOPBACK, port=self.port, servers="\n".join(servers))
        )
        return [program("haproxy"), "-db", "-f", str(path)]

    def answers(self) -> bool:
        """See the base class."""
        return (self.folder / "admin.sock").exists() and "FRONTEND" in self._stats()

    def states(self) -> dict[str, str]:
        """Each node with ``UP`` or ``DOWN``, or with the way there as ``UP 1/2``."""
        return {row["svname"]: row["status"] for row in self._rows() if row["svname"].startswith("node")}

    def requests(self) -> dict[str, int]:
        """How many requests each node was given."""
        return {row["svname"]: int(row["stot"]) for row in self._rows() if row["svname"].startswith("node")}

    def wait_until(self, **states: str) -> None:
        """Return when the nodes are in these states: ``node0="UP"``."""
        self.wait_for(lambda: {name: self.states()[name] for name in states} == states)

    def _rows(self) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self._stats().removeprefix("# "))))

    def _stats(self) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(str(self.folder / "admin.sock"))
                connection.sendall(b"show stat\n")
                return b"".join(iter(lambda: connection.recv(65536), b"")).decode()
            except OSError:
                return ""
