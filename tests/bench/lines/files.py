"""Downloads: a small wheel, a big one through the worker, and a big one handed to nginx."""

from __future__ import annotations

from pathlib import Path

from tests.bench import nginx
from tests.bench.effort import Effort
from tests.bench.installation import Installation, Reference
from tests.bench.load import get, race
from tests.bench.processes import Server
from tests.bench.table import Line, Table, Target, compared


class Downloads:
    """Requests for files in pairs: for the index, and for B with the same bytes by sendfile."""

    def __init__(self, installation: Installation, reference: Reference, *, small: str, big: str) -> None:
        self._installation = installation
        self._reference = reference
        self._small = self._both(small)
        self._big = self._both(big)

    def _both(self, filename: str) -> tuple[bytes, bytes]:
        ours = get(self._installation.file_path(filename), authorization=self._installation.authorization)
        return ours, self._reference.record(ours, bytes_at=self._installation.blob(filename))

    def measure_small(self, table: Table, effort: Effort) -> None:
        """Answers a second for a wheel of 10 kB."""
        ours, theirs = self._small
        mine, other = race((self._installation.server, [ours]), (self._reference.server, [theirs]), effort)
        table.add(compared("wheel of 10 kB", mine, other, Target(0.4)))

    def measure_big(self, table: Table, effort: Effort) -> None:
        """MB a second for a wheel of 100 MB through the worker."""
        index, b = self._installation.server, self._reference.server
        compare_streams(
            table,
            effort,
            "wheel of 100 MB through the worker",
            (index, self._big[0]),
            ("B", b, self._big[1]),
            Target(0.7),
        )


def measure_handed_over(table: Table, effort: Effort, installation: Installation, folder: Path, big: str) -> None:
    """MB a second where nginx hands the file out at the index's word, beside nginx asked for the file itself."""
    name, target = "wheel of 100 MB through X-Accel-Redirect", Target(0.9)
    executable = nginx.program()
    if executable is None:
        table.add(Line(name, "not measured: nginx is not installed", "", 0.0, target))
        return
    index = installation.other_server(TPI_ACCEL_LOCATION=nginx.LOCATION)
    front = nginx.in_front_of(index.port, blobs=installation.blobs, folder=folder, executable=executable)
    object_name = installation.blob(big).relative_to(installation.blobs).as_posix()
    asked = get(installation.file_path(big), authorization=installation.authorization)
    with index, front:
        index.settle()
        compare_streams(table, effort, name, (front, asked), ("nginx", front, get(f"/plain/{object_name}")), target)


def compare_streams(
    table: Table,
    effort: Effort,
    name: str,
    ours: tuple[Server, bytes],
    theirs: tuple[str, Server, bytes],
    target: Target,
) -> None:
    """Add a line that compares MB a second of two servers, two clients each."""
    mine, other = race((ours[0], [ours[1]]), (theirs[1], [theirs[2]]), effort, connections=2)
    measured, against = f"{mine.megabytes:,.0f} MB/s", f"{theirs[0]} {other.megabytes:,.0f} MB/s"
    table.add(Line(name, measured, against, mine.megabytes / other.megabytes, target))
