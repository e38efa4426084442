"""Installations with few threads, and upstreams each of which is that of one test's mirror."""

from __future__ import annotations

from secrets import token_hex
from typing import Self

from tests.servers import inside
from tests.servers.static_index import StaticIndex
from tests.servers.tpi import TpiServer

THREADS = 2


def with_few_threads(workers: int) -> TpiServer:
    """An installation whose upstreams are on this machine."""
    settings = {"TPI_WORKERS": str(workers), "TPI_THREADS": str(THREADS), "TPI_OUTBOUND_NETWORKS": "127.0.0.0/8"}
    return TpiServer(settings=settings)


class Mirrored(StaticIndex):
    """An upstream of a mirror that no other test asks, since one that fails is left alone for a while.

    ``mirror`` is the name of the mirror, which everybody may read.
    """

    def __init__(self, tpi: TpiServer) -> None:
        super().__init__()
        self.mirror = f"outside-{token_hex(4)}"
        self._tpi = tpi

    def __enter__(self) -> Self:
        super().__enter__()
        self._tpi.inside(inside.mirror, name=self.mirror, url=self.url)
        return self

    def page_path(self, project: str) -> str:
        """Where the mirror has the project's page."""
        return f"/{self.mirror}/simple/{project}/"
