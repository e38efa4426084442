"""Filters whose choices cost nothing, or one small query, and whose conditions the code states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django.contrib.admin import SimpleListFilter
from django.db.models import Q, QuerySet
from django.http import HttpRequest


class ConditionFilter(SimpleListFilter):
    """A filter with fixed choices; ``conditions`` maps each choice's word to its label and its condition."""

    conditions: ClassVar[Mapping[str, tuple[str, Q]]] = {}

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """The words and their labels."""
        return [(word, label) for word, (label, _) in self.chosen().items()]

    def chosen(self) -> Mapping[str, tuple[str, Q]]:
        """The conditions; a subclass may compute them."""
        return self.conditions

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows that fit; an unknown word filters nothing."""
        found = self.chosen().get(self.value() or "")
        return queryset.filter(found[1]) if found else queryset


def choice_filter(
    title: str, parameter: str, field: str, choices: Iterable[tuple[str, str]], *, usual: str = ""
) -> type[SimpleListFilter]:
    """A filter class for a field with fixed choices.

    The other choices than ``usual`` are seldom, and the table has a partial index of them: its condition is repeated.
    """
    seldom = ~Q(**{field: usual}) if usual else Q()
    conditions = {
        word: (label, Q(**{field: word}) if word == usual else seldom & Q(**{field: word})) for word, label in choices
    }
    return type(
        f"{field.title()}Filter",
        (ConditionFilter,),
        {"title": title, "parameter_name": parameter, "conditions": conditions},
    )


def flag_filter(title: str, parameter: str, field: str, yes: str, no: str) -> type[SimpleListFilter]:
    """A filter class for a boolean field."""
    conditions = {"yes": (yes, Q(**{field: True})), "no": (no, Q(**{field: False}))}
    return type(
        f"{field.title()}Filter",
        (ConditionFilter,),
        {"title": title, "parameter_name": parameter, "conditions": conditions},
    )


class WithinFilter(SimpleListFilter):
    """Keeps to what belongs to one thing, named in a link; it shows itself only while it is in use."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """The one value there is."""
        value = self.value()
        return [(value, value)] if value else []

    def condition(self, value: str) -> Q:
        """What rows fulfil that belong to ``value``."""
        raise NotImplementedError

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows that belong to it."""
        value = self.value()
        return queryset.filter(self.condition(value)) if value and "\x00" not in value else queryset
