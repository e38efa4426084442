"""What a confirmed action is: what it says, what it asks for, and which service it calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.db.models import Model


class Confirmation(forms.Form):
    """Nothing but the button; subclasses ask for more."""

    def __init__(self, *args: Any, rows: Sequence[Model], **options: Any) -> None:
        super().__init__(*args, **options)
        self.rows = rows


class Reason(Confirmation):
    """Asks why; people read it later."""

    reason = forms.CharField(
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Shown to people and, where the standards have a place for it, to installers.",
    )


class TypedName(Confirmation):
    """Asks for the name of what will be lost."""

    typed = forms.CharField(widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}))

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["typed"].label = f"Type '{self.rows[0]}' to confirm"

    def clean_typed(self) -> str:
        """The name, letter for letter."""
        typed = str(self.cleaned_data["typed"])
        if typed != str(self.rows[0]):
            raise forms.ValidationError(f"This is not the name; type '{self.rows[0]}' or leave the page.")
        return typed


def _always(actor: Any, row: Any) -> bool:
    return True


def _nothing_more(row: Any) -> str:
    return ""


@dataclass(frozen=True)
class ConfirmedAction:
    """Something that a service does to a row once a person has confirmed it.

    ``perform`` receives the actor, the row and the form's values; ``done`` is the participle of the message ('archived');
    ``permission`` names the screen's ``has_…_permission``; ``offered`` tells whether a row's page shows the button and
    whether anybody is asked the question;
    ``extent`` says of one row how much it is about;
    ``is_bulk`` whether lists offer it for ticked rows; after ``removes`` the row's page is gone; before one that
    ``needs_fresh_sign_in`` (unless told, one that removes) the person shows again that it is them; ``leads_to`` is the
    address of the page to go on to from one row's page, where that is another one.
    """

    name: str
    label: str
    done: str
    question: str
    perform: Callable[[Any, Any, Mapping[str, Any]], object]
    permission: str = "administer"
    form: type[Confirmation] = Confirmation
    offered: Callable[[Any, Any], bool] = _always
    extent: Callable[[Any], str] = _nothing_more
    is_dangerous: bool = False
    is_bulk: bool = True
    removes: bool = False
    needs_fresh_sign_in: bool | None = None
    leads_to: Callable[[Any], str] = _nothing_more

    @property
    def asks_for_proof(self) -> bool:
        """Whether a session that was left open cannot do it."""
        return self.removes if self.needs_fresh_sign_in is None else self.needs_fresh_sign_in


@dataclass(frozen=True)
class Tool:
    """A button on a row's page."""

    label: str
    url: str
    is_dangerous: bool = False
