"""Uploads: small wheels by four clients, and 5 MB wheels beside B, which reads and hashes the same bodies."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from tests.bench.effort import Effort
from tests.bench.installation import Installation
from tests.bench.load import Run, drive, settle
from tests.bench.processes import Server
from tests.bench.table import Line, Table, Target, compared, rate
from tests.bench.upload_forms import request_for, wheels

CLIENTS = 4
_SMALL = 10_000
_LARGE = 5_000_000
_seeds = count(1)


class Uploads:
    """Bodies for one installation; every call sends wheels that it has not seen."""

    def __init__(self, installation: Installation, names: Sequence[str], *, majors: int = 1000) -> None:
        self._installation = installation
        self._names = names
        self._majors = count(majors)

    def bodies(self, number: int, size: int) -> list[bytes]:
        """``number`` upload requests with wheels of ``size`` bytes, new versions of the projects in turn."""
        built = wheels(self._names, size=size, count=number, seed=next(_seeds), major=next(self._majors))
        return [request_for(wheel, self._installation.authorization) for wheel in built]

    def small(self, number: int) -> Run:
        """Upload ``number`` small wheels."""
        bodies = self.bodies(number, _SMALL)
        settle()
        return drive(self._installation.server, bodies, connections=CLIENTS)

    def send(self, bodies: list[bytes]) -> Run:
        """Upload what :meth:`bodies` made."""
        return drive(self._installation.server, bodies, connections=CLIENTS)

    def measure_small(self, table: Table, effort: Effort) -> None:
        """Uploads a second of 10 kB wheels."""
        self.small(20)
        runs = [self.small(int(300 * effort.seconds)) for _ in range(effort.rounds)]
        run = sorted(runs, key=lambda each: each.rate)[len(runs) // 2]
        measured = f"{rate(run.rate)}, {run.cpu / 1e3:.1f} ms CPU"
        table.add(Line("uploads of 10 kB wheels, 4 clients", measured, "", run.rate, Target(100, unit="/s")))

    def measure_large(self, table: Table, effort: Effort, b: Server) -> None:
        """Uploads a second of 5 MB wheels, beside B with the same bodies."""
        index = self._installation.server
        batches = [self.bodies(4 * CLIENTS, _LARGE) for _ in range(effort.rounds)]
        settle()
        runs = [(drive(index, batch, connections=CLIENTS), drive(b, batch, connections=CLIENTS)) for batch in batches]
        mine, other = sorted(runs, key=lambda pair: pair[0].rate / pair[1].rate)[len(runs) // 2]
        table.add(compared("uploads of 5 MB wheels, 4 clients", mine, other, Target(0.3)))
