"""Choosing and showing verbs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from accounts.domain.verbs import Verb, as_words, parse_verbs
from tpi_site.kit.admin import marks

_MEANINGS = {
    Verb.READ: "see and install",
    Verb.UPLOAD: "publish files",
    Verb.YANK: "yank releases and files, and take the mark away",
    Verb.DELETE: "delete files, releases and projects",
    Verb.PROMOTE: "bring releases from one index into another",
    Verb.ADMINISTER: "everything above, settings and rights",
}
_TONES = {Verb.DELETE: "warn", Verb.ADMINISTER: "accent"}


class RightsField(forms.MultipleChoiceField):
    """Verbs as boxes to tick; the value is a frozen set of :class:`Verb`."""

    def __init__(self, **options: Any) -> None:
        choices = [(verb.value, f"{verb.value}: {meaning}") for verb, meaning in _MEANINGS.items()]
        super().__init__(choices=choices, widget=forms.CheckboxSelectMultiple, **options)

    def prepare_value(self, value: Any) -> Any:
        """The words of verbs."""
        return as_words(value) if isinstance(value, frozenset) else value

    def clean(self, value: Any) -> frozenset[Verb]:
        """The verbs."""
        return parse_verbs(super().clean(value))

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether other boxes are ticked."""
        return super().has_changed(self.prepare_value(initial), data)


def rights_marks(verbs: Iterable[Verb]) -> SafeString:
    """Verbs as badges, in their order."""
    given = frozenset(verbs)
    return format_html_join(
        " ", "{}", ((marks.badge(verb.value, _TONES.get(verb, "")),) for verb in Verb if verb in given)
    )
