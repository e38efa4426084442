"""Refusals of services as errors of the form whose button was pressed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse

from tpi_site.kit.admin.entrance import actor_of
from tpi_site.kit.errors import Refusal

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
    """A form that knows who fills it in, and can be shown again with what a service answered to it."""

    refusal: ClassVar[str] = ""
    actor: ClassVar[Any] = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.instance.validate_constraints = _unasked  # the service speaks of these, in its own words

    def clean(self) -> dict[str, Any] | None:
        """The values; an earlier refusal makes the form wrong."""
        values = super().clean()
        if self.refusal:
            self.add_error(None, self.refusal)
        return values


class RefusalsAsFormErrors(ModelAdmin):
    """Runs a refused submission a second time, now with the refusal as the form's error.

    The first run was rolled back as a whole, so the second one shows what the person typed and nothing has changed.
    """

    form = RefusableForm

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:  # noqa: FBT001, FBT002  Django's signature
        """The form class of this request."""
        form: Any = super().get_form(request, obj, change=change, **options)
        form.refusal = getattr(request, _REFUSED, "")
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
            return self._again(request, object_id, refusal.detail, extra_context)
        except IntegrityError:
            return self._again(request, object_id, _MEANWHILE, extra_context)

    def _again(
        self, request: HttpRequest, object_id: str | None, sentence: str, extra_context: dict[str, Any] | None
    ) -> HttpResponse:
        setattr(request, _REFUSED, sentence)
        return super().changeform_view(request, object_id, "", extra_context)
