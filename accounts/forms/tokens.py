"""Making an API token."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from accounts.domain.networks import parse_networks
from accounts.domain.verbs import Verb, parse_verbs
from accounts.forms.accessible import AccessibleForm
from accounts.models import TokenKind
from accounts.models.tokens import longest_life
from tpi_site.kit.errors import Invalid

_VERBS = {
    Verb.READ: "Install and browse",
    Verb.UPLOAD: "Publish files",
    Verb.YANK: "Yank and unyank",
    Verb.DELETE: "Delete files, releases, projects",
    Verb.PROMOTE: "Promote between indexes",
    Verb.ADMINISTER: "Change settings and rights",
}
_DAYS = {1: "1 day", 7: "7 days", 30: "30 days", 90: "90 days", 365: "1 year"}
_USUAL_DAYS = 90
_OVERLAPS = (("0", "at once"), ("3600", "in 1 hour"), ("86400", "in 1 day"), ("604800", "in 7 days"))
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
    networks = forms.CharField(
        label="Only from these networks",
        help_text="Networks or addresses, such as 192.0.2.0/24, separated by commas or spaces. Empty: from anywhere.",
        required=False,
        max_length=2000,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    days = forms.ChoiceField(label="Expires after", required=False)

    def __init__(self, *args: Any, indexes: Sequence[tuple[str, str]] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["indexes"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101  for the type checker
        field.choices = [(name, f"{name}: {title}" if title else name) for name, title in indexes]
        days = self.fields["days"]
        assert isinstance(days, forms.ChoiceField)  # noqa: S101  as above
        days.choices, days.initial = _lives()
        days.required = longest_life(TokenKind.PERSONAL) is not None

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

    def clean_networks(self) -> list[str]:
        """The networks, as they are written."""
        texts = self.cleaned_data["networks"].replace(",", " ").split()
        try:
            return [str(network) for network in parse_networks(texts)]
        except Invalid as refusal:
            raise forms.ValidationError(refusal.detail) from None

    def expires_at(self) -> datetime | None:
        """The moment at which the token ends, or None for never."""
        days = self.cleaned_data["days"]
        return timezone.now() + timedelta(days=int(days)) if days else None


class RotationForm(AccessibleForm):
    """When the old token of a rotation ends."""

    overlap = forms.ChoiceField(
        label="The old token ends",
        choices=_OVERLAPS,
        initial="86400",
        help_text="Time to put the new one wherever the old one is used. It never lives longer than it would have anyway.",
    )

    def overlap_time(self) -> timedelta:
        """How long both tokens work."""
        return timedelta(seconds=int(self.cleaned_data["overlap"]))


def _lives() -> tuple[list[tuple[str, str]], str]:
    """The lives that policy allows, and the one that is offered first; without a limit there may be no end."""
    longest = longest_life(TokenKind.PERSONAL)
    most = None if longest is None else longest.days
    days = {number: words for number, words in _DAYS.items() if most is None or number <= most}
    if most is not None and most not in days:
        days[most] = f"{most} days"
    choices = [(str(number), words) for number, words in days.items()]
    usual = _USUAL_DAYS if most is None else min(_USUAL_DAYS, most)
    return choices if most is not None else [*choices, ("", "Never")], str(usual)
