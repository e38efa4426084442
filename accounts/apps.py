"""The accounts app."""

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Who people are and what they may do."""

    name = "accounts"
    verbose_name = "People and rights"

    def ready(self) -> None:
        """Declare the app's jobs."""
        from tpi_site.kit import schedules

        schedules.declare("clear sessions", "accounts.tasks.clear_sessions", every_minutes=24 * 60)
