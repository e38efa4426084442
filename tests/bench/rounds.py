"""Measuring two servers in turn, so that what else happens on the machine meets both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench.load import Run


@dataclass(frozen=True)
class Effort:
    """How much time is spent: how many rounds, and how long one run lasts."""

    rounds: int
    seconds: float


@dataclass(frozen=True)
class Compared:
    """Medians of both sides over the rounds."""

    ours: Run
    theirs: Run
    ratio: float
    """Of the rates: ours to theirs, the median of the rounds' ratios."""


def in_turn(effort: Effort, ours: Callable[[], Run], theirs: Callable[[], Run]) -> Compared:
    """Measure both once for each round and compare."""
    pairs = [(ours(), theirs()) for _ in range(effort.rounds)]
    ratio = median(mine.rate / other.rate for mine, other in pairs)
    return Compared(middle([mine for mine, _ in pairs]), middle([other for _, other in pairs]), ratio)


def middle(runs: Sequence[Run]) -> Run:
    """The median of each figure."""
    return Run(
        median(run.rate for run in runs),
        median(run.megabytes for run in runs),
        median(run.cpu for run in runs),
        median(run.latency for run in runs),
    )
