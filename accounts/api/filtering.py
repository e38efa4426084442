"""The filters of lists."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django_filters import rest_framework as filters


class Filters(filters.FilterSet):  # type: ignore[misc]  # the library is not typed
    """The query parameters of a list; a value that cannot be meant is refused with its name, and with those that can."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for one in self.filters.values():
            if isinstance(one, filters.ChoiceFilter):
                known = ", ".join(str(value) for value, _ in one.extra["choices"])
                one.field.error_messages["invalid_choice"] = f"'%(value)s' is none of the choices: {known}."


class _Flag(forms.Field):
    """``true`` or ``false``."""

    def to_python(self, value: Any) -> bool | None:
        """The value; None when the parameter is empty or not there."""
        if not value:
            return None
        words = {"true": True, "1": True, "false": False, "0": False}
        if str(value).lower() not in words:
            raise ValidationError("Say true or false.")
        return words[str(value).lower()]


class FlagFilter(filters.BooleanFilter):  # type: ignore[misc]  # the library is not typed
    """A filter by yes or no; the library's own takes any other word for no filter at all."""

    field_class = _Flag

    def __init__(self, **rest: Any) -> None:
        super().__init__(widget=forms.TextInput, **rest)
