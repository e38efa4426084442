"""Whether cost grows with what is published: the same work in a small and in a large installation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.installation import Installation
from tests.bench.keepalive import Keepalive
from tests.bench.lines.pages import JSON
from tests.bench.lines.uploads import Uploads
from tests.bench.load import Run, drive, get, settle
from tests.bench.rounds import Effort, in_turn
from tests.bench.table import Line, Table, Target, rate
from tests.bench.upload_forms import request_for, wheels

_TARGET = Target(1.3, is_ceiling=True, unit=" x")
_PROJECTS = 100


@dataclass
class Side:
    """One of the two installations, with a hundred projects to ask for, spread over all it has."""

    installation: Installation
    names: list[str]
    files: list[bytes]
    uploads: Uploads

    @classmethod
    def of(cls, installation: Installation) -> Side:
        """Publish one real wheel in each of its projects; the server must be running."""
        shape = installation.shapes[0]
        names = [shape.name(number) for number in range(0, shape.projects, shape.projects // _PROJECTS)]
        built = list(wheels(names, size=10_000, count=len(names), seed=1, major=500))
        with Keepalive(installation.port) as client:
            for wheel in built:
                client.ask(request_for(wheel, installation.authorization))
        files = [
            get(installation.file_path(wheel.filename), authorization=installation.authorization) for wheel in built
        ]
        return cls(installation, names, files, Uploads(installation, names))

    @property
    def pages(self) -> list[bytes]:
        """Requests for the page of each project."""
        return [
            get(f"/simple/{name}/", authorization=self.installation.authorization, accept=JSON) for name in self.names
        ]

    def read(self, requests: list[bytes], seconds: float) -> Run:
        """Read over and over."""
        return drive(self.installation.server, requests, seconds=seconds)

    def read_changed(self) -> Run:
        """Read each page once, each after a change of its project; by one client."""
        for name in self.names:
            self.installation.touch(name)
        settle()
        return drive(self.installation.server, self.pages, connections=1)

    def upload(self, number: int) -> Run:
        """Upload small wheels."""
        return self.uploads.small(number)


def measure_growth(table: Table, effort: Effort, small: Side, large: Side) -> None:
    """Time for one answer in the large installation, as a multiple of that in the small one."""
    label = f"with {large.installation.shapes[0].projects:,} projects, {large.installation.files:,} files"
    jobs: dict[str, Callable[[Side], Run]] = {
        "project page": lambda side: side.read(side.pages, effort.seconds),
        "project page, changed": lambda side: side.read_changed(),
        "file": lambda side: side.read(side.files, effort.seconds),
        "upload": lambda side: side.upload(int(100 * effort.seconds)),
    }
    for name, job in jobs.items():
        job(small)
        job(large)
        compared = in_turn(effort, lambda job=job: job(large), lambda job=job: job(small))  # type: ignore[misc]
        measured = f"{rate(compared.ours.rate)}, {compared.ours.cpu / 1e3:.2f} ms CPU"
        against = f"small {rate(compared.theirs.rate)}, {compared.theirs.cpu / 1e3:.2f} ms CPU"
        table.add(Line(f"{name} {label}", measured, against, 1 / compared.ratio, _TARGET))
