"""Form fields that read what people write: sizes with units, lists one per line, rows by their name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet

if TYPE_CHECKING:
    ModelChoiceField = forms.ModelChoiceField[Any]
else:
    ModelChoiceField = forms.ModelChoiceField

_UNITS = {"": 1, "b": 1}
_UNITS |= {f"{letter}b": 1000**power for power, letter in enumerate("kmgt", start=1)}
_UNITS |= {f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", start=1)}
_SIZE = re.compile(r"(\d{1,15})(?:\.(\d{1,3}))?\s*([a-z]*)\Z", re.ASCII)
_LARGEST = 2**63 - 1


def size_text(size: int | None) -> str:
    """``size`` bytes in the largest binary unit that says it exactly; nothing for None."""
    if size is None:
        return ""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        factor = _UNITS[unit.lower()]
        if size and size % factor == 0:
            return f"{size // factor} {unit}"
    return str(size)


class SizeField(forms.CharField):
    """A number of bytes, such as ``500 MB``, ``4 GiB`` or ``1048576``; empty is None."""

    def prepare_value(self, value: Any) -> Any:
        """The text of a stored size."""
        return size_text(value) if isinstance(value, int) else value

    def to_python(self, value: Any) -> int | None:  # type: ignore[override]  # the text is only how it is typed
        """The bytes."""
        text = "" if value is None else str(value).strip().lower()
        if not text:
            return None
        match = _SIZE.match(text)
        if match is None or match[3] not in _UNITS:
            raise ValidationError("Write a size such as 500 MB, 4 GiB or a number of bytes.", code="size")
        whole, part, unit = match[1], match[2] or "", match[3]
        size: int = int(whole + part) * _UNITS[unit] // 10 ** len(part)
        if not 0 < size <= _LARGEST:
            raise ValidationError("The size must be above zero and below 8 EiB.", code="size")
        return size

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether the text means another size."""
        try:
            return bool(initial != self.to_python(data))
        except ValidationError:
            return True


class LinesField(forms.CharField):
    """A list of words, one per line or divided by commas."""

    def __init__(self, **options: Any) -> None:
        super().__init__(widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}), **options)

    def prepare_value(self, value: Any) -> Any:
        """The lines of a stored list."""
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]  # the text is only how it is typed
        """The words, in the order in which they stand."""
        return [word.strip() for word in re.split(r"[\n,]", super().to_python(value) or "") if word.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether the text means another list."""
        return (initial or []) != self.to_python(data)


class NamedField(ModelChoiceField):
    """A row told by its name: a text field, because a select of all users or projects would be endless."""

    def __init__(self, queryset: QuerySet[Any], *, name_field: str, what: str, **options: Any) -> None:
        widget = forms.TextInput(attrs={"autocapitalize": "off", "autocomplete": "off", "spellcheck": "false"})
        super().__init__(queryset, to_field_name=name_field, widget=widget, **options)
        self.what = what

    def to_python(self, value: Any) -> Any:
        """The row of that name."""
        text = str(value or "").strip()
        if not text:
            return None
        if "\x00" in text or self.queryset is None:
            raise ValidationError("A name has no control characters.", code="unknown")
        found: Model | None = self.queryset.filter(**{f"{self.to_field_name}__iexact": text}).first()
        if found is None:
            raise ValidationError(f"There is no {self.what} named '{text}'.", code="unknown")
        return found

    def validate(self, value: Any) -> None:
        """Refuse an empty answer where one is needed."""
        forms.Field.validate(self, value)
