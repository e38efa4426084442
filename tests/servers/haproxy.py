"""HAProxy in front of nodes: it asks each whether it is ready, and gives each request to one that is.

The configuration is the one that is shipped, ``deploy/haproxy.cfg``.
"""

from __future__ import annotations

import csv
import io
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.servers.daemons import Daemon, program
from tests.servers.ports import LOOPBACK, free_port

CONFIGURATION = Path(__file__).resolve().parent.parent.parent / "deploy/haproxy.cfg"
SITES = CONFIGURATION.with_name("haproxy-sites.cfg")


def rendered(changes: Mapping[str, str], path: Path = CONFIGURATION) -> str:
    """The configuration that is shipped, with the values of one place; each that is to be changed must be there once."""
    text = path.read_text(encoding="utf-8")
    for shipped, here in changes.items():
        assert text.count(shipped) == 1, shipped
        text = text.replace(shipped, here)
    return text


class HAProxy(Daemon):
    """``url`` is where clients come; ``ports`` are those of the nodes, which it calls ``node0``, ``node1``, …

    ``allowed`` is how many requests one address may send in ten seconds, if not as many as is shipped: all clients of a test
    are one address.
    """

    name = "haproxy"

    def __init__(self, ports: Sequence[int], *, allowed: int | None = None) -> None:
        super().__init__()
        self.ports = list(ports)
        self.allowed = allowed
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"

    def command(self) -> Sequence[str]:
        """See the base class."""
        path = self.folder / "haproxy.cfg"
        nodes = {f"node{number}.tpi.example:8000": f"{LOOPBACK}:{port}" for number, port in enumerate(self.ports)}
        here = {
            "/run/haproxy/admin.sock": str(self.folder / "admin.sock"),
            ":443 ssl crt /etc/haproxy/tpi.pem alpn h2,http/1.1": f"{LOOPBACK}:{self.port}",
            "inter 1s": "inter 300ms",
        }
        if self.allowed is not None:
            here["sc_http_req_rate(0) gt 5000"] = f"sc_http_req_rate(0) gt {self.allowed}"
        path.write_text(rendered(here | nodes))
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


class SitesProxy(HAProxy):
    """In front of a primary and a replica, by ``deploy/haproxy-sites.cfg``; a site is ``UP`` while it is the primary."""

    def command(self) -> Sequence[str]:
        """See the base class."""
        path = self.folder / "haproxy.cfg"
        text = rendered(
            {
                "/run/haproxy/admin.sock": str(self.folder / "admin.sock"),
                ":443 ssl crt /etc/haproxy/tpi.pem alpn h2,http/1.1": f"{LOOPBACK}:{self.port}",
            },
            SITES,
        )
        for number, port in enumerate(self.ports):
            shipped = f"site{number}.tpi.example:8000"
            assert text.count(shipped) == 2, shipped
            text = text.replace(shipped, f"{LOOPBACK}:{port}")
        path.write_text(text)
        return [program("haproxy"), "-db", "-f", str(path)]
