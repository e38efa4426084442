"""From the command to the first answer, of an installation that has been started before."""

from __future__ import annotations

from statistics import median

from tests.bench.installation import Installation
from tests.bench.table import Line, Table, Target

_TARGET = Target(3, is_ceiling=True, unit=" s")


def measure_start(table: Table, installation: Installation, rounds: int) -> None:
    """Start and stop the whole product, supervisor and job cluster included; nothing else of ours runs meanwhile."""
    installation.server.start()  # compiles what an installation has compiled
    installation.server.settle()
    installation.server.stop()
    times = []
    for _ in range(rounds):
        times.append(installation.server.start())
        installation.server.stop()
    seconds = median(times)
    table.add(Line("start to first answer", f"{seconds:.2f} s", "", seconds, _TARGET))
