"""The fields above the audit log, under the names that the REST API's filters have."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.db.models import QuerySet

from accounts.models import AuditEntry
from accounts.services import audit_filters
from tpi_site.kit.admin.filters import FormFilter

_KINDS = (
    *("user", "team", "token", "role", "reservedprefix", "index", "project", "release", "file"),
    *("directory", "groupmapping", "alarm", "request", "audit", "auditsink"),
)
_BEGINNINGS = (
    *("sign-", "request.", "session.", "factor.", "token.", "user.", "team.", "service-account.", "role.", "prefix."),
    *("index.", "project.", "release.", "file.", "directory.", "alarm.", "audit"),
)


class WordField(forms.CharField):
    """A whole word, of which some may be suggested."""

    def __init__(self, label: str, most: int, suggestions: tuple[str, ...] = ()) -> None:
        words = {"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}
        super().__init__(label=label, max_length=most, required=False, widget=forms.TextInput(words))
        self.suggestions = suggestions


class MomentField(forms.DateTimeField):
    """A time in UTC, to the second; it is shown as the browser's own field takes it, however an address spells it."""

    def __init__(self, label: str) -> None:
        widget = forms.DateTimeInput({"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S")
        super().__init__(label=label, required=False, widget=widget)

    def bound_data(self, data: Any, initial: Any) -> Any:
        """The time; nothing for what is none, which the browser's field would not hold."""
        try:
            moment = self.to_python(data)
        except forms.ValidationError:
            return None
        return moment.astimezone(UTC) if moment else None


class AuditFields(forms.Form):
    """What narrows the log; the longest that each takes is what the REST API takes."""

    actor = WordField("Person", 150)
    action_prefix = WordField("Action begins with", 64, _BEGINNINGS)
    outcome = forms.ChoiceField(
        label="Outcome", required=False, choices=[("", "All"), *AuditEntry.Outcome.choices], widget=forms.Select
    )
    object_type = WordField("Kind of object", 200, _KINDS)
    object_name = WordField("Object", 400)
    address = WordField("Address", 64)
    request_id = WordField("Request id", 64)
    token = WordField("Token's key id", 12)
    reason = WordField("Refusal code", 64)
    after = MomentField("From (UTC)")
    before = MomentField("Before (UTC)")


class AuditFilter(FormFilter):
    """Narrows the list as the REST API narrows its own."""

    form_class = AuditFields

    @property
    def pins(self) -> bool:
        """Whether an index of its own finds the few rows that fit."""
        chosen = self.chosen()
        return any(name in chosen for name in ("actor", "object_name", "request_id", "token"))

    def narrowed(self, rows: QuerySet[Any], chosen: Mapping[str, Any]) -> QuerySet[Any]:
        """By the service that both use."""
        return audit_filters.narrowed(rows, chosen)


def export_filters(query: Mapping[str, str]) -> dict[str, str] | None:
    """What the list is narrowed by, in the words of the REST API; None where a field is wrong and nothing is listed."""
    fields = AuditFields(query)
    if not fields.is_valid():
        return None
    chosen = {**fields.cleaned_data, "q": query.get("q", "").replace("\x00", "").strip()}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in chosen.items() if value
    }
