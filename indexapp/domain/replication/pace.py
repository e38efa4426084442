"""A limit of bytes in a second that is kept smoothly by all who share it: a bucket of tokens that may run into debt."""

from __future__ import annotations

from dataclasses import dataclass

_BURST = 0.25
"""Seconds for which what was not used is saved up."""


@dataclass(slots=True)
class Bucket:
    """``rate`` is in bytes a second, None for no limit; moments are seconds of a clock that only goes forward.

    Who takes bytes is given a goal, and waits until so many have run in since the beginning: first come, first served.
    """

    rate: int | None = None
    level: float = 0.0
    run_in: float = 0.0
    at: float = 0.0

    def turn(self, rate: int | None, now: float) -> None:
        """Go on with another rate; what was taken already is waited for at the new one."""
        self._fill(now)
        if rate is None or self.rate is None:
            self.level = 0.0
        self.rate = rate

    def take(self, size: int, now: float) -> float:
        """Take so many bytes; the goal to wait for."""
        self._fill(now)
        if self.rate is None:
            return 0.0
        self.level -= size
        return self.run_in + max(0.0, -self.level)

    def left(self, goal: float, now: float) -> float:
        """Seconds that are left until the goal is reached."""
        self._fill(now)
        return 0.0 if self.rate is None else max(0.0, goal - self.run_in) / self.rate

    def _fill(self, now: float) -> None:
        passed = max(0.0, now - self.at)
        self.at = max(self.at, now)
        if self.rate is not None:
            self.run_in += passed * self.rate
            self.level = min(self.rate * _BURST, self.level + passed * self.rate)
