"""PostgreSQL with a million files beside SQLite with a hundred projects, and two nodes beside one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import machine
from tests.bench.corpus import Shape
from tests.bench.effort import Effort
from tests.bench.installation import Installation
from tests.bench.lines import growth
from tests.bench.load import drive, get, race
from tests.bench.table import Line, Table, Target, rate
from tests.servers.cluster import shared_secrets
from tests.servers.haproxy import HAProxy
from tests.servers.ports import free_port
from tests.servers.postgres import Postgres
from tests.servers.redis import Redis

_GAIN = 1.6
_WHOLE = 2.0
"""What two nodes could be at most, were nothing else in their way."""
_ALLOWED = 1_000_000_000
"""Requests in ten seconds: the load generator is one address, whose limit in the shipped proxy would be what is measured."""


def measure_postgresql(table: Table, effort: Effort, folder: Path, small: Shape, large: Shape) -> None:
    """Pages and files of the large shape on PostgreSQL, as multiples of the small one's on SQLite."""
    with Postgres() as database:
        little = Installation(folder, "on-sqlite", small)
        much = Installation(folder, "on-postgresql", large, TPI_DATABASE_URL=database.url)
        with little.server, much.server:
            little.server.settle()
            much.server.settle()
            sides = growth.Side.of(little), growth.Side.of(much)
            growth.measure_reads(table, effort, *sides, where=" on PostgreSQL")


@dataclass
class _Front:
    """A proxy as the load generator sees it."""

    name: str
    port: int
    workers: list[int] = field(default_factory=list)
    pids: list[int] = field(default_factory=list)


def measure_two_nodes(table: Table, effort: Effort, folder: Path, shape: Shape) -> None:
    """Pages a second of two nodes of one worker each, beside one of them, both behind HAProxy."""
    with Postgres() as database, Redis() as redis:
        shared = shared_secrets() | {"TPI_DATABASE_URL": database.url, "TPI_CACHE_URL": redis.url}
        shared |= {"TPI_STORAGE_URL": f"file://{folder / 'shared-files'}"}
        first = Installation(folder, "node-a", shape, pinned=False, **shared)
        nodes = [
            first.other_server(TPI_WORKERS="1"),
            first.other_server(TPI_WORKERS="1", TPI_DATA_DIR=str(folder / "node-b")),
        ]
        pages = [get(f"/simple/{shape.name(each)}/", authorization=first.authorization) for each in range(100)]
        ports = [node.port for node in nodes]
        with (
            nodes[0],
            nodes[1],
            HAProxy(ports, allowed=_ALLOWED) as both,
            HAProxy([ports[0], free_port()], allowed=_ALLOWED) as alone,
        ):
            for node in nodes:
                node.settle()
                drive(node, pages)
            mine, other = race((_Front("two nodes", both.port), pages), (_Front("one node", alone.port), pages), effort)
            seconds = effort.slices * effort.seconds
            costs = {
                "node": drive(
                    _Front("two nodes", both.port, nodes[0].workers + nodes[1].workers), pages, seconds=seconds
                ),
                "HAProxy": drive(_Front("two nodes", both.port, both.pids), pages, seconds=seconds),
                "PostgreSQL": drive(_Front("two nodes", both.port, database.pids), pages, seconds=seconds),
                "Redis": drive(_Front("two nodes", both.port, redis.pids), pages, seconds=seconds),
            }
    shares = {name: run.cpu for name, run in costs.items()} | {"load generator": costs["node"].client_cpu}
    _tell(table, mine.rate, other.rate, shares)


def _tell(table: Table, two: float, one: float, shares: Mapping[str, float]) -> None:
    """The line, with what it can be at most where all parts share the processors; ``shares`` are microseconds for a page."""
    processors = len(machine.cpus())
    most = at_most(processors, shares["node"], sum(shares.values()))
    parts = ", ".join(f"{name} {cost:,.0f}" for name, cost in shares.items())
    table.add(
        Line(
            f"pages of two nodes beside one ({processors} processors)",
            rate(two),
            f"one node {rate(one)}; about {most:.2f} times that at most here",
            two / one,
            Target(_GAIN) if most >= _WHOLE else Target(),
            f"a page takes {parts} µs of processors that all share, so two nodes can be about {most:.2f} times one on this machine, if"
            f" it does nothing else; {_GAIN} times are promised where the nodes have a processor each",
        )
    )


def at_most(processors: int, node: float, page: float) -> float:
    """How many times the pages of one node two nodes can serve, when a page takes ``node`` of ``page`` seconds in a node.

    One node, which runs Python in one process, uses about one processor at most; two nodes and all that serves them, the load
    generator too, use what processors there are.  Where others use them meanwhile, more processes get more of them, and the
    figure may be higher.
    """
    return min(_WHOLE, max(1.0, processors * node / page))
