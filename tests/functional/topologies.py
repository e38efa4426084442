"""The ways of putting TPI on a network over which one and the same suite runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from tests.functional.conftest import Cast, make_cast
from tests.servers.nginx import ACCEL, nginx
from tests.servers.ports import LOOPBACK, free_port
from tests.servers.tpi import TpiServer


@dataclass(frozen=True)
class Topology:
    """Where clients reach the installation, and who may do what there."""

    url: str
    cast: Cast

    @property
    def prefix(self) -> str:
        """The path below which the proxy serves it."""
        return urlsplit(self.url).path


@contextmanager
def single_node() -> Iterator[Topology]:
    """Nothing in between."""
    with TpiServer() as server:
        yield Topology(server.url, make_cast(server))


@contextmanager
def behind_nginx(*, sends_files: bool) -> Iterator[Topology]:
    """Below a prefix, which nginx passes on, or removes while it sends the files from the disk itself."""
    port = free_port()
    settings = {"TPI_URL": f"http://{LOOPBACK}:{port}/pkg", "TPI_TRUSTED_PROXIES": LOOPBACK}
    if sends_files:
        settings["TPI_ACCEL_LOCATION"] = ACCEL
    with TpiServer(settings=settings) as server:
        (server.folder / "nginx").mkdir()
        blobs = server.data / "files/blobs"
        upstream = f"{server.url}/" if sends_files else server.url
        with nginx(folder=server.folder / "nginx", port=port, upstream=upstream, prefix="/pkg", blobs=blobs):
            yield Topology(f"http://{LOOPBACK}:{port}/pkg", make_cast(server))


TOPOLOGIES: dict[str, Callable[[], AbstractContextManager[Topology]]] = {
    "a single node": single_node,
    "nginx passes the prefix on": partial(behind_nginx, sends_files=False),
    "nginx removes the prefix and sends the files": partial(behind_nginx, sends_files=True),
}
