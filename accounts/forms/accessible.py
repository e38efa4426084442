"""What all our forms have in common."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.forms.utils import pretty_name


class AccessibleForm(forms.Form):
    """A form whose fields wear our classes and whose errors can be listed with links to their controls."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.label = field.label or pretty_name(name)
            if field.error_messages["required"] == forms.Field.default_error_messages["required"]:
                field.error_messages["required"] = f"'{field.label}' is empty; fill it in."
            if not isinstance(field.widget, forms.CheckboxSelectMultiple):
                field.widget.attrs.setdefault("class", "input")

    def faults(self) -> list[tuple[str, str]]:
        """The id of the control that it is about (empty for the whole form) and the sentence of each error."""
        found = []
        for name, errors in self.errors.items():
            control = "" if name == NON_FIELD_ERRORS else _first_control(self[name])
            found += [(control, str(error)) for error in errors]
        return found


def _first_control(field: forms.BoundField) -> str:
    """The id of the field's control, or of its first choice."""
    return f"{field.auto_id}_0" if field.use_fieldset else field.auto_id
