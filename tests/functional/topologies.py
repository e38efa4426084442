"""The ways of putting TPI on a network over which one and the same suite runs."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from tests.functional.conftest import Cast, make_cast
from tests.functional.replicating import ALIKE, wait_until_equal
from tests.servers import inside
from tests.servers.nginx import ACCEL, nginx
from tests.servers.nginx_static import NginxStatic
from tests.servers.ports import LOOPBACK, free_port
from tests.servers.postgres import Postgres
from tests.servers.tpi import TpiServer

INDEXES = ("main", "second")
"""Those of :func:`make_cast`."""


@dataclass(frozen=True)
class Topology:
    """Where clients reach the installation, and who may do what there."""

    url: str
    cast: Cast
    settle: Callable[[], None] = lambda: None
    """Return when what was published is wherever it is to be served from."""

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


@contextmanager
def on_a_replica() -> Iterator[Topology]:
    """Clients know the replica alone; the primary has another kind of database."""
    with ExitStack() as stack:
        database = {"TPI_DATABASE_URL": stack.enter_context(Postgres(migrated=True)).url}
        primary = stack.enter_context(TpiServer(settings=ALIKE | database))
        replica = stack.enter_context(TpiServer(settings=ALIKE))
        replica.inside(inside.join, url=primary.url, secret=primary.inside(inside.invite, name="far"))
        cast = make_cast(primary)
        wait_until_equal(primary, replica)
        yield Topology(replica.url, cast)


@contextmanager
def through_a_mirror_site() -> Iterator[Topology]:
    """Files come from static exports behind nginx as soon as these have them, by signed addresses."""
    with ExitStack() as stack:
        server = stack.enter_context(TpiServer(settings={"TPI_OUTBOUND_NETWORKS": "127.0.0.0/8"}))
        cast = make_cast(server)

        def command(*words: str) -> None:
            done = server.manage(*words)
            assert done.returncode == 0, done.stdout + done.stderr

        for index in INDEXES:
            tree, key = server.folder / f"tree-{index}", server.folder / f"key-{index}"
            tree.mkdir(mode=0o755)
            key.write_text(secrets.token_hex(20))
            site = stack.enter_context(NginxStatic(tree, key.read_text()))
            signed = ("--private", "--signing", "nginx", "--key", str(key))
            command("mirror_sites", "add", f"near-{index}", f"{site.url}/", "--index", index, *signed)
            command("mirror_sites", "mode", index, "through")

        def settle() -> None:
            for index in INDEXES:
                command("export_static", index, str(server.folder / f"tree-{index}"))
            for _ in range(3):  # until they are off probation
                command("mirror_sites", "check")

        yield Topology(server.url, cast, settle)


TOPOLOGIES: dict[str, Callable[[], AbstractContextManager[Topology]]] = {
    "a single node": single_node,
    "nginx passes the prefix on": partial(behind_nginx, sends_files=False),
    "nginx removes the prefix and sends the files": partial(behind_nginx, sends_files=True),
    "a replica": on_a_replica,
    "a mirror site": through_a_mirror_site,
}
