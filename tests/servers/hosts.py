"""Two hosts on this machine: network name spaces with a link between them that can be cut, and one from each to here."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Mapping
from types import TracebackType
from typing import NamedTuple, Self

from tests.servers.tpi import TpiServer

_NOBODY = "02:00:00:00:00:01"
"""A hardware address that nothing on the link has."""


class Host(NamedTuple):
    """``address`` is where it is reached from here, ``name_space`` where its processes run; ``link`` is its end of the link."""

    name_space: str
    address: str
    link: str
    on_link: str
    other_on_link: str


class Hosts:
    """``with Hosts() as hosts``: ``hosts.first`` and ``hosts.second``, whose link is whole at first."""

    def __init__(self) -> None:
        tag = secrets.token_hex(3)
        net = f"10.{secrets.randbelow(200) + 20}.{secrets.randbelow(250)}"
        self.network = f"{net}.0/24"
        self.first = Host(f"tpi-{tag}-1", f"{net}.6", f"t{tag}a", f"{net}.1", f"{net}.2")
        self.second = Host(f"tpi-{tag}-2", f"{net}.10", f"t{tag}b", f"{net}.2", f"{net}.1")
        self._here = {self.first: (f"t{tag}c", f"{net}.5"), self.second: (f"t{tag}d", f"{net}.9")}

    def __enter__(self) -> Self:
        try:
            self._make()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._remove()

    def cut(self) -> None:
        """Take the link down: both ends know at once."""
        _ip("-n", self.first.name_space, "link", "set", self.first.link, "down")

    def swallow(self) -> None:
        """Let the link lose every packet: nobody is told."""
        for host in (self.first, self.second):
            how = ("replace", host.other_on_link, "lladdr", _NOBODY, "dev", host.link, "nud", "permanent")
            _ip("-n", host.name_space, "neigh", *how)

    def mend(self) -> None:
        """Make the link whole again."""
        _ip("-n", self.first.name_space, "link", "set", self.first.link, "up")
        for host in (self.first, self.second):
            _ip("-n", host.name_space, "neigh", "flush", "dev", host.link, "nud", "permanent")

    def _make(self) -> None:
        for host in (self.first, self.second):
            _ip("netns", "add", host.name_space)
            _ip("-n", host.name_space, "link", "set", "lo", "up")
        _ip("link", "add", self.first.link, "netns", self.first.name_space, "type", "veth", "peer", "name",
            self.second.link, "netns", self.second.name_space)  # fmt: skip
        for host, (link, address) in self._here.items():
            _give(host.link, host.on_link, host.name_space)
            _ip("link", "add", link, "type", "veth", "peer", "name", f"{link}x", "netns", host.name_space)
            _give(link, address)
            _give(f"{link}x", host.address, host.name_space)

    def _remove(self) -> None:
        for host in (self.first, self.second):
            subprocess.run(["ip", "netns", "delete", host.name_space], check=False, capture_output=True)


class TpiOnHost(TpiServer):
    """TPI on one of the hosts; ``url`` is for clients here, ``near_url`` for the other host."""

    def __init__(self, host: Host, *, settings: Mapping[str, str] | None = None) -> None:
        self.address = host.address
        self.way = ("ip", "netns", "exec", host.name_space)
        super().__init__(settings=settings)
        self.settings["TPI_BIND"] = f"0.0.0.0:{self.port}"  # of a name space that nothing else is in
        self.near_url = f"http://{host.on_link}:{self.port}/"


def _give(link: str, address: str, name_space: str = "") -> None:
    there = ("-n", name_space) if name_space else ()
    _ip(*there, "addr", "add", f"{address}/30", "dev", link)
    _ip(*there, "link", "set", link, "up")


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
