"""PostgreSQL with a million files beside SQLite with a hundred projects, and two nodes beside one of them."""

from __future__ import annotations

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

_ENOUGH = 4
"""Processors on which two nodes, the proxy, the database and the load generator do not wait for each other."""
_GAIN = 1.6


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
        with nodes[0], nodes[1], HAProxy(ports) as both, HAProxy([ports[0], free_port()]) as alone:
            for node in nodes:
                node.settle()
                drive(node, pages)
            mine, other = race((_Front("two nodes", both.port), pages), (_Front("one node", alone.port), pages), effort)
    processors = len(machine.cpus())
    target = Target(_GAIN) if processors >= _ENOUGH else Target()
    name = f"pages of two nodes beside one ({processors} processors)"
    table.add(Line(name, rate(mine.rate), f"one node {rate(other.rate)}", mine.rate / other.rate, target))
