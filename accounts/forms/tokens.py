"""Making an API token."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from accounts.domain.verbs import Verb, parse_verbs
from accounts.forms.accessible import AccessibleForm

_VERBS = {
    Verb.READ: "Install and browse",
    Verb.UPLOAD: "Publish files",
    Verb.YANK: "Yank and unyank",
    Verb.DELETE: "Delete files, releases, projects",
    Verb.PROMOTE: "Promote between indexes",
    Verb.ADMINISTER: "Change settings and rights",
}
_DAYS = (("1", "1 day"), ("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("365", "1 year"), ("", "Never"))
_NAME = re.compile(r"[A-Z0-9](?:[A-Z0-9._-]{0,98}[A-Z0-9])?\Z", re.IGNORECASE | re.ASCII)
_SEPARATORS = re.compile(r"[-_.]+")


class TokenForm(AccessibleForm):
    """Name, verbs, scope and life of a new token; ``indexes`` are name and title of those that its maker may see."""

    name = forms.CharField(
        max_length=100,
        help_text="What it is for, so that you know later which one to revoke: 'CI of acme-tool'.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    verbs = forms.MultipleChoiceField(
        label="It may",
        help_text="Never more than you may yourself.",
        choices=[(verb.value, f"{verb.value}: {words}") for verb, words in _VERBS.items()],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one, for example read."},
    )
    indexes = forms.MultipleChoiceField(
        label="Only on these indexes",
        help_text="Choose none to let it work on all.",
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    projects = forms.CharField(
        label="Only on these projects",
        help_text="Names, separated by commas or spaces. Empty lets it work on all.",
        required=False,
        max_length=20_000,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    days = forms.ChoiceField(label="Expires after", choices=_DAYS, initial="90", required=False)

    def __init__(self, *args: Any, indexes: Sequence[tuple[str, str]] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["indexes"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101  for the type checker
        field.choices = [(name, f"{name}: {title}" if title else name) for name, title in indexes]

    def clean_verbs(self) -> frozenset[Verb]:
        """The chosen verbs."""
        return parse_verbs(self.cleaned_data["verbs"])

    def clean_projects(self) -> list[str]:
        """Normalised names (PEP 503), each once."""
        names = self.cleaned_data["projects"].replace(",", " ").split()
        for name in names:
            if not _NAME.match(name):
                raise forms.ValidationError(f"'{name[:100]}' is not a project name; separate names with commas.")
        return list(dict.fromkeys(_SEPARATORS.sub("-", name).lower() for name in names))

    def expires_at(self) -> datetime | None:
        """The moment at which the token ends, or None for never."""
        days = self.cleaned_data["days"]
        return timezone.now() + timedelta(days=int(days)) if days else None
