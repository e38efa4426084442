"""What a worker holds: after all that came before, and while one wheel of a gigabyte comes and goes."""

from __future__ import annotations

from pathlib import Path

from tests.bench.installation import Installation
from tests.bench.keepalive import Keepalive
from tests.bench.load import get
from tests.bench.processes import forget_peak, memory, peak
from tests.bench.table import Line, Table, Target
from tests.builders.wheels import write_big_wheel

_RESIDENT = Target(120, is_ceiling=True, unit=" MB")
_EXTRA = Target(64, is_ceiling=True, unit=" MiB")
_MIB_IN_MB = 1.048576


def measure_workers(table: Table, installation: Installation, name: str) -> None:
    """Resident memory of the largest worker."""
    held = [memory(pid) for pid in installation.server.workers]
    largest = max(held, key=lambda each: each["rss"])
    figure = largest["rss"] * _MIB_IN_MB
    shared = f"proportional {largest['pss'] * _MIB_IN_MB:.0f} MB, unshared {largest['uss'] * _MIB_IN_MB:.0f} MB"
    table.add(Line(name, f"{figure:.0f} MB resident", shared, figure, _RESIDENT))


def measure_giant(table: Table, installation: Installation, folder: Path, size: int) -> None:
    """How much a worker's memory rises above what it holds when a wheel of ``size`` bytes is uploaded and downloaded."""
    folder.mkdir(exist_ok=True)
    label = f"{size / 2**30:g} GiB wheel"
    wheel = write_big_wheel(folder, size, name="acme-giant")
    rise = Rise(installation)
    installation.publish(wheel, installation.port)
    table.add(Line(f"upload of a {label}", f"+{rise.mib:.0f} MiB at most", "", rise.mib, _EXTRA))
    request = get(installation.file_path(wheel.name), authorization=installation.authorization)
    wheel.unlink()
    with Keepalive(installation.port) as client:
        rise = Rise(installation)
        client.ask(request)
        table.add(Line(f"download of a {label}", f"+{rise.mib:.0f} MiB at most", "", rise.mib, _EXTRA))


class Rise:
    """The highest rise of any worker's resident memory since this was made."""

    def __init__(self, installation: Installation) -> None:
        self._before = {}
        for pid in installation.server.workers:
            forget_peak(pid)
            self._before[pid] = peak(pid)

    @property
    def mib(self) -> float:
        """MiB, of the worker that rose most."""
        return max(peak(pid) - before for pid, before in self._before.items())
