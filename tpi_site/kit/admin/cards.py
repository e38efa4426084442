"""Cards of the console's landing page; apps register them in ``AppConfig.ready()``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

MANY = 1000
"""Where a card stops counting; a number beyond it helps nobody and costs a scan."""


@dataclass(frozen=True)
class Figure:
    """A number that links to the list of what it counts; ``tone`` is empty, ``good``, ``warn`` or ``bad``."""

    label: str
    value: str
    url: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Line:
    """A row of a card's list; ``mark`` is a word shown as a badge in ``tone``, ``at`` the time it speaks of."""

    text: str
    url: str = ""
    note: str = ""
    mark: str = ""
    tone: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class Card:
    """A card; where it has neither figures nor lines, it shows ``empty``, which says the next step."""

    title: str
    figures: list[Figure] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    empty: str = ""
    link_label: str = ""
    link_url: str = ""


Builder = Callable[[HttpRequest], Card | None]
"""Makes a card for the request's actor, or None where it does not concern them."""

_builders: dict[str, tuple[int, Builder]] = {}


def register(name: str, place: int, builder: Builder) -> None:
    """Show what ``builder`` makes; lower places come first."""
    _builders[name] = (place, builder)


def cards_for(request: HttpRequest) -> list[Card]:
    """The cards that concern the request's actor."""
    made = (builder(request) for _, builder in sorted(_builders.values(), key=lambda entry: entry[0]))
    return [card for card in made if card is not None]


def figure(label: str, parts: Iterable[QuerySet[Any]], url: str, *, tone: str = "") -> Figure:
    """How many rows there are in all ``parts``, as far as :data:`MANY`; ``tone`` shows only where there are some."""
    found = sum(_some(rows) for rows in parts)
    return Figure(label, _number(found), url, tone if found else "")


def counted(rows: Any, noun: str) -> str:
    """How many of a thing there are, in words, as far as :data:`MANY`; ``rows`` is a manager or a queryset."""
    found = _some(rows)
    return f"{_number(found)} {noun}" if found == 1 else f"{_number(found)} {noun}s"


def _some(rows: Any) -> int:
    return len(rows.order_by().values_list("pk")[: MANY + 1])


def _number(found: int) -> str:
    return f"{MANY}+" if found > MANY else str(found)
