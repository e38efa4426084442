"""The lines of the result and how they are printed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.bench.load import Run


@dataclass(frozen=True)
class Target:
    """What the product promises of a figure: at least, at most, or (without a limit) nothing, it is shown for context."""

    limit: float | None = None
    is_ceiling: bool = False
    unit: str = ""

    def __str__(self) -> str:
        if self.limit is None:
            return ""
        return f"{'<=' if self.is_ceiling else '>='} {self.limit:g}{self.unit}"

    def is_met_by(self, value: float) -> bool:
        """Whether ``value`` keeps the promise."""
        if self.limit is None:
            return True
        return value <= self.limit if self.is_ceiling else value >= self.limit


@dataclass(frozen=True)
class Line:
    """One row: what was measured, in words the two sides, and the figure that the target speaks of."""

    name: str
    measured: str
    against: str = ""
    value: float | None = None
    target: Target = Target()
    note: str = ""

    @property
    def verdict(self) -> str:
        """``pass``, ``FAIL`` or nothing where nothing is promised."""
        if self.value is None or self.target.limit is None:
            return ""
        return "pass" if self.target.is_met_by(self.value) else "FAIL"


def rate(value: float) -> str:
    """Something a second."""
    return f"{value:,.0f}/s" if value >= 10 else f"{value:.1f}/s"


def compared(name: str, ours: Run, theirs: Run, target: Target, *, whose: str = "B") -> Line:
    """The line of a comparison of answers a second."""
    return Line(name, _told(ours), f"{whose} {_told(theirs)}", ours.rate / theirs.rate, target)


def _told(run: Run) -> str:
    cpu = f"{run.cpu:,.0f} µs" if run.cpu < 10_000 else f"{run.cpu / 1e3:,.0f} ms"
    return f"{rate(run.rate)}, {cpu} CPU"


class Table:
    """Lines as they are measured; each is shown at once, because a run takes minutes."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self.lines: list[Line] = []

    def add(self, line: Line) -> None:
        """Take a line."""
        self.lines.append(line)
        self._write(f"  {_row(line)}\n")

    @property
    def failures(self) -> int:
        """How many promises were not kept."""
        return sum(line.verdict == "FAIL" for line in self.lines)

    def print(self) -> None:
        """The whole table."""
        rows = [("what", "the index", "beside it", "figure", "target", ""), *map(_cells, self.lines)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for number, row in enumerate(rows):
            self._write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n")
            if number == 0:
                self._write("  ".join("-" * width for width in widths) + "\n")
        for note in _notes(self.lines):
            self._write(f"{note}\n")


def _cells(line: Line) -> tuple[str, ...]:
    figure = "" if line.value is None else f"{line.value:.3g}"
    return (line.name, line.measured, line.against, figure, str(line.target), line.verdict)


def _row(line: Line) -> str:
    return "  ".join(cell for cell in _cells(line) if cell)


def _notes(lines: Iterable[Line]) -> list[str]:
    return [f"{line.name}: {line.note}" for line in lines if line.note]
