"""Bytes outside the database whose keys the ring wrapped; the app that keeps them tells how they are sealed and renewed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from accounts.domain.actors import Actor


@dataclass
class Progress:
    """How far it got: how many of how many, the plain bytes that were sealed, and how many could not be read."""

    total: int
    done: int = 0
    sealed_bytes: int = 0
    failed: int = 0

    def __add__(self, other: Progress) -> Progress:
        """Both together."""
        return Progress(
            self.total + other.total,
            self.done + other.done,
            self.sealed_bytes + other.sealed_bytes,
            self.failed + other.failed,
        )


Report = Callable[[Progress], None]
"""Told after each content."""


class Renewal(Protocol):
    """Seals contents anew under new data keys, in new objects."""

    def waiting(self) -> int:
        """How many were sealed before a key was given up last."""

    def renew(self, *, actor: Actor, report: Report) -> Progress:
        """Seal them anew; what was done stays done when it is broken off."""


_registered: list[Renewal] = []
_algorithms: dict[str, str] = {}


def register(renewal: Renewal) -> None:
    """Have these contents sealed anew when a key is given up; a second registration of the same changes nothing."""
    if renewal not in _registered:
        _registered.append(renewal)


def renewals() -> list[Renewal]:
    """All that are registered."""
    return list(_registered)


def tell(what: str, algorithm: str) -> None:
    """Let auditors read how ``what`` is sealed, in one line; told again, it is replaced."""
    _algorithms[what] = algorithm


def algorithms() -> dict[str, str]:
    """What was told."""
    return dict(_algorithms)
