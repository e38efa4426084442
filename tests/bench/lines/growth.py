"""Whether cost grows with what is published: the same work in a small and in a large installation."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.bench.effort import Effort
from tests.bench.installation import Installation
from tests.bench.keepalive import Keepalive
from tests.bench.lines.pages import JSON
from tests.bench.lines.uploads import Uploads
from tests.bench.load import Run, drive, get, race
from tests.bench.table import Table, Target, compared
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

    def change_all(self) -> list[bytes]:
        """Requests for the pages, each of which has just changed."""
        for name in self.names:
            self.installation.touch(name)
        return self.pages


def measure_reads(table: Table, effort: Effort, small: Side, large: Side, where: str = "") -> str:
    """Pages and files; returns what the large one is called."""
    label = f"with {large.installation.shapes[0].projects:,} projects, {large.installation.files:,} files{where}"
    big, little = large.installation.server, small.installation.server
    for side in (small, large):
        drive(side.installation.server, [*side.pages, *side.files])
    _add(table, f"project page {label}", *race((big, large.pages), (little, small.pages), effort))
    _add(table, f"file {label}", *race((big, large.files), (little, small.files), effort))
    return label


def measure_growth(table: Table, effort: Effort, small: Side, large: Side) -> None:
    """Time for one answer in the large installation, as a multiple of that in the small one."""
    label = measure_reads(table, effort, small, large)
    big, little = large.installation.server, small.installation.server
    changed = [(drive(big, large.change_all()), drive(little, small.change_all())) for _ in range(2 * effort.rounds)]
    _add(table, f"changed page {label}", *_middle(changed))
    number = int(150 * effort.seconds)
    uploads = [(large.uploads.small(number), small.uploads.small(number)) for _ in range(effort.rounds)]
    _add(table, f"upload {label}", *_middle(uploads))


def _middle(pairs: list[tuple[Run, Run]]) -> tuple[Run, Run]:
    return sorted(pairs, key=lambda pair: pair[0].rate / pair[1].rate)[len(pairs) // 2]


def _add(table: Table, name: str, large: Run, small: Run) -> None:
    line = compared(name, large, small, _TARGET, whose="small")
    table.add(replace(line, value=small.rate / large.rate))
