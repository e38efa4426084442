"""What is exposed as a table, one line for each release and advisory."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from accounts.domain.csv_cells import defused
from indexapp.services.vulnerabilities.exposure import ExposedRelease, with_usage
from indexapp.services.vulnerabilities.usage import last_downloads

COLUMNS = (
    *("index", "project", "version", "yanked", "severity", "score", "last_used"),
    *("advisory", "aliases", "advisory_score", "fixed_in", "summary"),
)


def as_csv(found: Iterable[list[ExposedRelease]]) -> Iterator[str]:
    """The heading, then the lines of some releases together."""
    used = last_downloads()
    yield _written([COLUMNS])
    for rows in found:
        if text := _written(line for row in with_usage(rows, used) for line in _lines(row)):
            yield text


def _written(lines: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    table = csv.writer(text)
    for line in lines:
        table.writerow([defused(cell) for cell in line])
    return text.getvalue()


def _lines(row: ExposedRelease) -> Iterator[tuple[object, ...]]:
    yanked = "yes" if row.is_yanked else "no"
    for one in row.advisories:
        yield (
            *(row.index, row.project, row.version, yanked, row.severity, row.score, row.last_used),
            *(one.osv_id, " ".join(one.aliases), one.score, " ".join(one.fixed_versions), one.summary),
        )
