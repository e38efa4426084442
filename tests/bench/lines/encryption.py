"""What sealing costs: the same wheels up and down, sealed and plain."""

from __future__ import annotations

from pathlib import Path

from tests.bench.effort import Effort
from tests.bench.installation import Installation
from tests.bench.lines.memory import Rise
from tests.bench.lines.uploads import CLIENTS, Uploads
from tests.bench.load import Run, drive, get, settle
from tests.bench.processes import Server
from tests.bench.table import Line, Table, Target, compared
from tests.builders.wheels import write_big_wheel

_PLAIN = {"TPI_ENCRYPT": "off"}
_RANGE = 64 * 1024
_LARGE = 5_000_000


class Sealed:
    """An installation that holds one giant wheel plain and another sealed, and serves both."""

    def __init__(self, index: Installation, folder: Path, size: int) -> None:
        self._index = index
        folder.mkdir(exist_ok=True)
        self._size = size
        plain, sealed = (write_big_wheel(folder, size, name=name) for name in ("acme-plain", "acme-sealed"))
        self._end = plain.stat().st_size - _RANGE
        with index.other_server(**_PLAIN) as server:
            index.publish(plain, server.port)
        self._plain_name, self._sealed_path = plain.name, sealed
        plain.unlink()

    def publish_sealed(self) -> None:
        """To be called when the server runs."""
        self._index.publish(self._sealed_path, self._index.port)
        self._sealed_path.unlink()

    def _asked(self, filename: str, byte_range: str = "") -> bytes:
        path = self._index.file_path(filename)
        return get(path, authorization=self._index.authorization, byte_range=byte_range)

    def measure_downloads(self, table: Table, effort: Effort) -> None:
        """MB a second of the whole wheel, one client; the most memory that took; and the cost of its last 64 KiB."""
        server, label = self._index.server, f"{self._size / 2**30:g} GiB wheel"
        sealed, plain = self._asked(self._sealed_path.name), self._asked(self._plain_name)
        rise = Rise(self._index)
        drive(server, [sealed], connections=1)
        extra = Target(8, is_ceiling=True, unit=" MiB")
        table.add(Line(f"sealed download of a {label}", f"+{rise.mib:.0f} MiB at most", "", rise.mib, extra))
        both = [_pair(server, [sealed], [plain]) for _ in range(effort.rounds)]
        mine, other = sorted(both, key=lambda pair: pair[0].megabytes / pair[1].megabytes)[len(both) // 2]
        table.add(_streams(f"download of a {label}, sealed beside plain", mine, other))
        ends = f"bytes={self._end}-"
        last = [[self._asked(name, ends)] for name in (self._sealed_path.name, self._plain_name)]
        turns = [[_for_a_while(server, asked, effort) for asked in last] for _ in range(effort.slices)]
        mine, other = sorted(turns, key=lambda pair: pair[0].rate / pair[1].rate)[len(turns) // 2]
        cost = Target(1.5, is_ceiling=True, unit=" x")
        table.add(_costs("last 64 KiB of it, sealed beside plain", mine, other, cost))


def _pair(server: Server, ours: list[bytes], theirs: list[bytes]) -> tuple[Run, Run]:
    return drive(server, ours, connections=1), drive(server, theirs, connections=1)


def _for_a_while(server: Server, asked: list[bytes], effort: Effort) -> Run:
    """One server is both sides here, so each has its connections to itself while it is measured."""
    return drive(server, asked, seconds=2 * effort.seconds, connections=8, expect=206)


def _streams(name: str, mine: Run, other: Run) -> Line:
    measured, against = f"{mine.megabytes:,.0f} MB/s", f"plain {other.megabytes:,.0f} MB/s"
    return Line(name, measured, against, mine.megabytes / other.megabytes, Target(0.7))


def _costs(name: str, mine: Run, other: Run, target: Target) -> Line:
    line = compared(name, mine, other, target, whose="plain")
    return Line(name, line.measured, line.against, other.rate / mine.rate, target)


def measure_uploads(table: Table, effort: Effort, sealing: Uploads, plain: Uploads) -> None:
    """Uploads a second of 5 MB wheels by four clients, of an installation that seals beside one that does not."""
    pairs = []
    for _ in range(effort.rounds):
        mine, other = sealing.bodies(4 * CLIENTS, _LARGE), plain.bodies(4 * CLIENTS, _LARGE)
        settle()
        pairs.append((sealing.send(mine), plain.send(other)))
    mine_run, other_run = sorted(pairs, key=lambda pair: pair[0].rate / pair[1].rate)[len(pairs) // 2]
    name = "uploads of 5 MB wheels, sealed beside plain"
    table.add(compared(name, mine_run, other_run, Target(0.7), whose="plain"))
