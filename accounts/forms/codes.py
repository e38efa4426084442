"""Typing codes."""

from __future__ import annotations

from typing import Any

from django import forms

from accounts.forms.accessible import AccessibleForm

_CODE = {"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false"}


class CodeForm(AccessibleForm):
    """A code of the authenticator app, or a recovery code; whether it is right is for the service to say."""

    code = forms.CharField(
        label="Code",
        help_text="The six digits that your authenticator app shows now.",
        max_length=100,
        widget=forms.TextInput(attrs={**_CODE, "inputmode": "numeric"}),
    )

    def __init__(self, *args: Any, is_recovery: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if is_recovery:
            field = self.fields["code"]
            field.label = "Recovery code"
            field.help_text = "One of those that you kept when you set up the app. Each works once."
            field.widget.attrs["inputmode"] = "text"


class PresentPasswordForm(AccessibleForm):
    """The password of who is signed in."""

    password = forms.CharField(
        label="Your password",
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
