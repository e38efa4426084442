"""The accounts app."""

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Who people are and what they may do."""

    name = "accounts"
    verbose_name = "People and rights"

    def ready(self) -> None:
        """Register the app's system checks."""
        from accounts import checks  # noqa: F401  registration is the import's purpose
