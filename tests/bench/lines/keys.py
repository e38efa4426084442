"""How fast a rotation wraps the keys of blobs anew."""

from __future__ import annotations

from tests.bench.installation import Installation
from tests.bench.table import Line, Table, Target, rate

_LEAST = Target(2000, unit="/s")


def measure_rotation(table: Table, index: Installation, number: int) -> None:
    """All keys of ``number`` blobs, beside nothing else."""
    found = float(index.inside("tests.bench.key_rows", str(number)))
    table.add(Line(f"rotation of {number:,} data keys", rate(found), "", found, _LEAST))
