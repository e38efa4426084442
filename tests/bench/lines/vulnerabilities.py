"""How long it takes to import vulnerability data, and whether it costs memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.bench import osv_archives
from tests.bench.installation import Installation
from tests.bench.table import Line, Table, Target

_TIME = Target(120, is_ceiling=True, unit=" s")
_MORE = Target(1.5, is_ceiling=True, unit=" x")


def measure_import(table: Table, index: Installation, folder: Path, number: int) -> None:
    """``number`` records into an installation that has none, then the same once more; a tenth of them for its memory."""
    folder.mkdir(parents=True, exist_ok=True)
    small, large = _archive(folder, number // 10), _archive(folder, number)
    few, first, again = (_imported(index, path) for path in (small, large, large))
    if (few["added"], first["added"], again["changed"]) != (number // 10, number - number // 10, 0):
        raise RuntimeError("The archives were not taken in as they are.")
    _add(table, f"import of {number:,} OSV records", first["seconds"])
    _add(table, f"import of {number:,} OSV records that are known", again["seconds"])
    told = f"{first['peak']:.0f} MiB"
    against = f"{number // 10:,} records {few['peak']:.0f} MiB"
    table.add(Line("peak memory of it", told, against, first["peak"] / few["peak"], _MORE))


def _add(table: Table, name: str, seconds: float) -> None:
    table.add(Line(name, f"{seconds:.1f} s", "", seconds, _TIME))


def _archive(folder: Path, number: int) -> Path:
    path = folder / f"{number}.zip"
    osv_archives.write(path, number)
    return path


def _imported(index: Installation, path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(index.inside("tests.bench.osv_archives", str(path)))
    return found
