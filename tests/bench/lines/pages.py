"""Pages: warm, unchanged (304), and made anew after a change."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from time import perf_counter

from tests.bench.effort import Effort
from tests.bench.installation import Installation, Reference, get_bytes
from tests.bench.keepalive import Keepalive
from tests.bench.load import drive, get, race
from tests.bench.table import Line, Table, Target, compared

JSON = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"
HTML = "text/html"
_COLD_ROUNDS = 15
_HALF = Target(0.5)


class Pages:
    """Requests for pages in pairs: for the index, and for B with the same answer."""

    def __init__(self, installation: Installation, reference: Reference, names: Sequence[str], big: str) -> None:
        self._installation = installation
        self._reference = reference
        self._big = f"/simple/{big}/"
        self._big_name = big
        small = [f"/simple/{name}/" for name in names]
        authorization = installation.authorization
        self._pairs = {
            "warm project page of 10 files, JSON": self._both(
                [get(path, authorization=authorization, accept=JSON) for path in small]
            ),
            "warm project page of 10 files, HTML": self._both(
                [get(path, authorization=authorization, accept=HTML) for path in small]
            ),
            "warm project page of 10 files, JSON, gzip": self._both(
                [get(path, authorization=authorization, accept=JSON, coding="gzip, deflate") for path in small]
            ),
            "warm page of 2,000 files, JSON": self._both([self._of_big(JSON)]),
            "warm page of 2,000 files, HTML": self._both([self._of_big(HTML)]),
            "warm page of 2,000 files, JSON, gzip": self._both([self._of_big(JSON, "gzip, deflate")]),
            "warm root of 1,000 projects, JSON": self._both(
                [get("/simple/", authorization=authorization, accept=JSON)]
            ),
            "warm root of 1,000 projects, HTML": self._both(
                [get("/simple/", authorization=authorization, accept=HTML)]
            ),
        }
        self._unchanged = [get(path, authorization=authorization, accept=JSON, etag=self._etag(path)) for path in small]
        self._smallest = self._unchanged[:1], [reference.record(self._unchanged[0])]

    def _of_big(self, accept: str, coding: str = "identity") -> bytes:
        return get(self._big, authorization=self._installation.authorization, accept=accept, coding=coding)

    def _both(self, requests: list[bytes]) -> tuple[list[bytes], list[bytes]]:
        return requests, [self._reference.record(request) for request in requests]

    def _etag(self, path: str) -> str:
        request = get(path, authorization=self._installation.authorization, accept=JSON)
        return dict(get_bytes(self._installation.port, request)[1])["ETag"]

    def measure_warm(self, table: Table, effort: Effort) -> None:
        """Pages from memory beside B with the same bytes."""
        for name, (ours, theirs) in self._pairs.items():
            self._compare(table, effort, name, ours, theirs)
        self._compare(table, effort, "304 for an unchanged page", self._unchanged, self._smallest[1])

    def _compare(self, table: Table, effort: Effort, name: str, ours: list[bytes], theirs: list[bytes]) -> None:
        status = 304 if name.startswith("304") else 200
        index, b = self._installation.server, self._reference.server
        drive(index, ours, seconds=0.3, expect=status)
        mine, other = race((index, ours), (b, theirs), effort, expect=status)
        table.add(compared(name, mine, other, _HALF))

    def measure_cold(self, table: Table) -> None:
        """What one page costs right after a change of its project, beside the same page unchanged.

        For context also what it costs when nothing of it is in memory, as after a start.
        """
        for label, request in (
            ("JSON", self._of_big(JSON)),
            ("HTML", self._of_big(HTML)),
            ("JSON, gzip", self._of_big(JSON, "gzip, deflate")),
        ):
            changed, warm = self._latencies(request, "release-yanked")
            ratio, target = changed / warm, Target(10, is_ceiling=True, unit=" x")
            name, against = f"cold page of 2,000 files, {label}", f"warm {warm * 1e3:.2f} ms"
            table.add(Line(f"{name}, changed", f"{changed * 1e3:.1f} ms", against, ratio, target))
            unknown, warm = self._latencies(request, "bench")
            against = f"warm {warm * 1e3:.2f} ms"
            table.add(Line(f"{name}, from nothing", f"{unknown * 1e3:.1f} ms", against, unknown / warm))

    def _latencies(self, request: bytes, kind: str) -> tuple[float, float]:
        """Median seconds of the first answer after a change of this kind, and of those after it; by one client."""
        cold, warm = [], []
        with Keepalive(self._installation.port) as client:
            client.ask(request)
            for _ in range(_COLD_ROUNDS):
                self._installation.touch(self._big_name, kind=kind)
                cold.append(_seconds(client, request))
                warm += [_seconds(client, request) for _ in range(5)]
        return median(cold), median(warm)


def _seconds(client: Keepalive, request: bytes) -> float:
    started = perf_counter()
    client.ask(request)
    return perf_counter() - started
