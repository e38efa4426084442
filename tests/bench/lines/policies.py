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
        cold: tuple[list[float], list[float]] = ([], [])
        warm: tuple[list[float], list[float]] = ([], [])
        requests = [
            get(f"/simple/{project}/", authorization=each.authorization, accept=JSON, coding=coding)
            for each in (ruled, free)
        ]
        with Keepalive(ruled.port) as first, Keepalive(free.port) as second:
            sides = list(zip((first, second), requests, cold, warm, strict=True))
            for _ in range(rounds):
                for installation, (client, request, times, _) in zip((ruled, free), sides, strict=True):
                    client.ask(request)
                    installation.touch(project, kind="bench")
                    times.append(_seconds(client, request))
                for _ in range(_WARM_ASKED):
                    for client, request, _, times in sides:
                        times.append(_seconds(client, request))
        for what, (mine, others), target in (("cold", cold, _COLD), ("warm", warm, _WARM)):
            ours, theirs = median(mine), median(others)
            name = f"{what} page of 2,000 files under {RULES:,} rules, {label}"
            table.add(Line(name, f"{ours * 1e3:.2f} ms", f"without {theirs * 1e3:.2f} ms", ours / theirs, target))


def _seconds(client: Keepalive, request: bytes) -> float:
    started = perf_counter()
    client.ask(request)
    return perf_counter() - started
