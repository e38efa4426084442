"""What 1,000 rules cost the page of a project with 2,000 files: cold, and from memory."""

from __future__ import annotations

from statistics import median
from time import perf_counter

from tests.bench.installation import Installation
from tests.bench.keepalive import Keepalive
from tests.bench.load import get
from tests.bench.table import Line, Table, Target

JSON = "application/vnd.pypi.simple.v1+json"
_COLD = Target(1.2, is_ceiling=True, unit=" x")
_WARM = Target(1.1, is_ceiling=True, unit=" x")
RULES = 1_000
_WARM_ASKED = 40


def measure_policies(table: Table, ruled: Installation, free: Installation, project: str, rounds: int) -> None:
    """Both in turns, so that whatever else the machine does meets both."""
    for label, coding in (("JSON", "identity"), ("JSON, gzip", "gzip")):
        times: dict[str, tuple[list[float], list[float]]] = {"cold": ([], []), "warm": ([], [])}
        with Keepalive(ruled.port) as first, Keepalive(free.port) as second:
            for _ in range(rounds):
                for side, (installation, client) in enumerate(((ruled, first), (free, second))):
                    request = get(
                        f"/simple/{project}/", authorization=installation.authorization, accept=JSON, coding=coding
                    )
                    client.ask(request)
                    installation.touch(project, kind="bench")
                    times["cold"][side].append(_seconds(client, request))
                    times["warm"][side].append(median(_seconds(client, request) for _ in range(_WARM_ASKED)))
        for what, target in (("cold", _COLD), ("warm", _WARM)):
            mine, others = (median(side) for side in times[what])
            name = f"{what} page of 2,000 files under {RULES:,} rules, {label}"
            table.add(Line(name, f"{mine * 1e3:.2f} ms", f"without {others * 1e3:.2f} ms", mine / others, target))


def _seconds(client: Keepalive, request: bytes) -> float:
    started = perf_counter()
    client.ask(request)
    return perf_counter() - started
