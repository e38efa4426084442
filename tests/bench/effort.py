"""How much time a run of the bench takes for its numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """``slices`` turns of ``seconds`` for each of two servers that are compared; ``rounds`` of what is done by number."""

    slices: int
    seconds: float
    rounds: int
