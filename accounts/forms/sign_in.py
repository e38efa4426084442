"""Signing in."""

from __future__ import annotations

from django import forms

from accounts.forms.accessible import AccessibleForm


class SignInForm(AccessibleForm):
    """User name and password; whether they are right is for the service to say."""

    username = forms.CharField(
        label="User name",
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )
    password = forms.CharField(
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
