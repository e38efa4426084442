"""Whether asking what somebody may costs more where many others hold much."""

from __future__ import annotations

import json
from statistics import median
from typing import Any

from tests.bench import rights
from tests.bench.installation import Installation
from tests.bench.table import Line, Table, Target

_TIME = Target(1.3, is_ceiling=True, unit=" x")
_QUERIES = Target(0, is_ceiling=True, unit=" more")
SMALL = (100, 5)
"""People and teams."""


def measure_rights(table: Table, small: Installation, large: Installation, size: tuple[int, int], rounds: int) -> None:
    """The rights check of a page and of a list, cold, beside the same with a hundred people."""
    for installation, (people, teams) in ((small, SMALL), (large, size)):
        installation.inside("tests.bench.rights", "seed", str(people), str(teams))
    pairs = [(_ask(large), _ask(small)) for _ in range(rounds)]
    people, teams = size
    label = f"{people:,} people, {teams:,} teams, {rights.grants(people, teams):,} grants"
    for what in ("page", "list"):
        _add(table, f"rights of a {what}, {label}", [(many[what], few[what]) for many, few in pairs])


def _ask(installation: Installation) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(installation.inside("tests.bench.rights", "ask", "20"))
    return found


def _add(table: Table, name: str, pairs: list[tuple[dict[str, float], dict[str, float]]]) -> None:
    ratio = median(many["seconds"] / few["seconds"] for many, few in pairs)
    many, few = pairs[-1]
    table.add(Line(name, _told(many), f"small {_told(few)}", ratio, _TIME))
    more = many["queries"] - few["queries"]
    table.add(Line(f"{name}: queries", f"{many['queries']:.0f}", f"small {few['queries']:.0f}", more, _QUERIES))


def _told(side: dict[str, float]) -> str:
    return f"{side['seconds'] * 1e6:,.0f} µs"
