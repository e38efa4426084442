"""Filters whose choices cost nothing, or one small query, and whose conditions the code states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib.admin import ListFilter, SimpleListFilter
from django.db.models import Q, QuerySet
from django.http import HttpRequest


class ConditionFilter(SimpleListFilter):
    """A filter with fixed choices; ``conditions`` maps each choice's word to its label and its condition.

    ``pinning`` names the choices that find few rows by an index of their own.
    """

    conditions: ClassVar[Mapping[str, tuple[str, Q]]] = {}
    pinning: ClassVar[frozenset[str]] = frozenset()

    @property
    def pins(self) -> bool:
        """Whether the choice made finds the rows by itself."""
        return self.value() in self.pinning

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

    With ``usual`` the other choices are seldom, and the table has a partial index of them: its condition is repeated.
    """
    seldom = ~Q(**{field: usual}) if usual else Q()
    conditions = {
        word: (label, Q(**{field: word}) if word == usual else seldom & Q(**{field: word})) for word, label in choices
    }
    pinning = frozenset(word for word in conditions if usual and word != usual)
    return _filter(title, parameter, field, conditions, pinning)


def flag_filter(title: str, parameter: str, field: str, yes: str, no: str = "") -> type[SimpleListFilter]:
    """A filter class for a boolean field.

    Without a label for ``no`` only the rows with the flag can be asked for: they are seldom, and the table has a partial
    index of them.
    """
    conditions = {"yes": (yes, Q(**{field: True}))}
    if no:
        conditions["no"] = (no, Q(**{field: False}))
    return _filter(title, parameter, field, conditions, frozenset() if no else frozenset({"yes"}))


def _filter(
    title: str, parameter: str, field: str, conditions: Mapping[str, tuple[str, Q]], pinning: frozenset[str]
) -> type[SimpleListFilter]:
    members = {"title": title, "parameter_name": parameter, "conditions": conditions, "pinning": pinning}
    return type(f"{field.title()}Filter", (ConditionFilter,), members)


class WithinFilter(SimpleListFilter):
    """Keeps to what belongs to one thing, named in a link; it shows itself only while it is in use."""

    pins = True

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


class FormFilter(ListFilter):
    """Fields above the list, all of which a row has to fit; each is a parameter of the address.

    While one of them is wrong, the list is empty and the field says why: a filter that was passed over would show too much.
    """

    title = "Filters"
    template = "admin/filter_form.html"
    form_class: ClassVar[type[forms.Form]]

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        given = {name: params.pop(name)[-1] for name in self.names() if name in params}
        self.form = self.form_class(given)
        self.is_used = any(given.values())

    @classmethod
    def names(cls) -> list[str]:
        """The parameters of the address that are the form's."""
        return list(cls.form_class.base_fields)

    def expected_parameters(self) -> list[str | None]:
        """As :meth:`names`."""
        return [*self.names()]

    def has_output(self) -> bool:
        """Always: the form is there to be filled in."""
        return True

    def choices(self, changelist: Any) -> Any:
        """No choices, but the parameters of the address that are not the form's and that it keeps."""
        names = self.names()
        return ({"name": name, "value": value} for name, value in changelist.params.items() if name not in names)

    def chosen(self) -> Mapping[str, Any]:
        """The values of the fields that are filled in."""
        if not self.form.is_valid():
            return {}
        return {name: value for name, value in self.form.cleaned_data.items() if value not in ("", None)}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows that fit."""
        return self.narrowed(queryset, self.chosen()) if self.form.is_valid() else queryset.none()

    def narrowed(self, rows: QuerySet[Any], chosen: Mapping[str, Any]) -> QuerySet[Any]:
        """The rows that fit ``chosen``."""
        raise NotImplementedError
