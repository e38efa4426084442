"""Refusals of services as errors of the form whose button was pressed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse

from tpi_site.kit.admin.entrance import actor_of
from tpi_site.kit.errors import InvalidFields, Refusal

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Any]
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelForm = forms.ModelForm
    ModelAdmin = admin.ModelAdmin

_REFUSED = "_console_refusal"
_MEANWHILE = "Somebody else changed or made the same thing at this moment; look at it and try again."


def _unasked(exclude: Any = None) -> None:
    """In the place of the check of constraints."""


class RefusableForm(ModelForm):
    """A form that knows who fills it in, and can be shown again with what a service answered to it.

    ``concerns`` names the field at which a refusal is said, by its code, or by the service's name of what it is about.
    """

    refusal: ClassVar[str] = ""
    refused: ClassVar[Refusal | None] = None
    actor: ClassVar[Any] = None
    concerns: ClassVar[Mapping[str, str]] = {}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.instance.validate_constraints = _unasked  # the service speaks of these, in its own words
        for field in self.fields.values():
            name_choices(field)

    def clean(self) -> dict[str, Any] | None:
        """The values; an earlier refusal makes the form wrong."""
        values = super().clean()
        if self.refusal:
            for name, sentence in self._placed():
                self.add_error(name, sentence)
        return values

    def _placed(self) -> Iterator[tuple[str | None, str]]:
        """What the service said, each sentence with the field that it is about; None where the page has none for it."""
        if isinstance(self.refused, InvalidFields):
            for name, sentence in self.refused.fields.items():
                field = self.concerns.get(name, name)
                yield (field, sentence) if field in self.fields else (None, f"{name}: {sentence}")
            return
        name = self.concerns.get(self.refused.code, "") if self.refused else ""
        yield (name if name in self.fields else None), self.refusal


def name_choices(field: Any) -> None:
    """Have a choice that there is not be answered with those that there are, by the words that the page has for them."""
    if isinstance(field, forms.ChoiceField) and not isinstance(field, forms.ModelChoiceField):
        choices: Any = field.choices  # pairs, whatever they are made of
        words = [str(label) for value, label in choices if value != ""]
        known = "; ".join(words).replace("%", "%%")
        field.error_messages["invalid_choice"] = f"'%(value)s' is none of the choices: {known}."


class RefusalsAsFormErrors(ModelAdmin):
    """Runs a refused submission a second time, now with the refusal as the form's error.

    The first run was rolled back as a whole, so the second one shows what the person typed and nothing has changed.
    """

    form = RefusableForm

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:  # noqa: FBT001, FBT002  Django's signature
        """The form class of this request."""
        form: Any = super().get_form(request, obj, change=change, **options)
        refused = getattr(request, _REFUSED, None)
        form.refused, form.refusal = refused, refused.detail if refused else ""
        form.actor = actor_of(request)
        return form

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The add or change page."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except Refusal as refusal:
            return self._again(request, object_id, refusal, extra_context)
        except IntegrityError:
            return self._again(request, object_id, Refusal(_MEANWHILE), extra_context)

    def _again(
        self, request: HttpRequest, object_id: str | None, refused: Refusal, extra_context: dict[str, Any] | None
    ) -> HttpResponse:
        setattr(request, _REFUSED, refused)
        return super().changeform_view(request, object_id, "", extra_context)
