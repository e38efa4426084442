"""Which names a token may be bound to; the app that owns indexes and projects says so, because this one knows none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from accounts.domain.actors import Actor


@dataclass(frozen=True, slots=True)
class ScopeNames:
    """Names of indexes and normalised names of projects; empty means all that the owner may."""

    indexes: frozenset[str]
    projects: frozenset[str]


Settle = Callable[[Actor, Iterable[str], Iterable[str]], ScopeNames]
_settle: list[Settle] = []


def register(settle: Settle) -> None:
    """Let ``settle`` normalise names and refuse unknown ones; called once, when the apps are ready."""
    _settle[:] = [settle]


def settle(*, actor: Actor, indexes: Iterable[str], projects: Iterable[str]) -> ScopeNames:
    """The names as a token stores them; refuses names that mean nothing to ``actor``."""
    if not _settle:
        return ScopeNames(frozenset(indexes), frozenset(projects))
    return _settle[0](actor, indexes, projects)
