"""Which indexes a person may bind a token to, as told by the app that has the indexes.

This app knows no indexes; the one that does registers how to list them when Django starts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from accounts.domain.actors import Actor


@dataclass(frozen=True)
class ScopeIndex:
    """An index as a choice in a form."""

    name: str
    title: str = ""


Lister = Callable[[Actor], list[ScopeIndex]]
_listers: list[Lister] = []


def register(lister: Lister) -> None:
    """Let ``lister`` say what there is; a second registration of the same changes nothing."""
    if lister not in _listers:
        _listers.append(lister)


def visible_to(actor: Actor) -> list[ScopeIndex]:
    """All indexes that the actor may see, in the order in which they are told."""
    return [index for lister in _listers for index in lister(actor)]
