"""The accounts app."""

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Who people are and what they may do."""

    name = "accounts"
    verbose_name = "People and rights"

    def ready(self) -> None:
        """Declare the app's jobs, who may enter the console, and what the app shows there and in reports."""
        from accounts import permissions
        from accounts.admin import cards as our_cards
        from accounts.admin import rows
        from accounts.services import left_behind
        from tpi_site.kit import schedules
        from tpi_site.kit.admin import cards, entrance

        schedules.declare("clear sessions", "accounts.tasks.clear_sessions", every_minutes=24 * 60)
        left_behind.register(left_behind.identity)
        entrance.register("accounts", rows.looks_after_a_team)
        entrance.register("operations", permissions.may_see_alarms)
        cards.register("alarms", 5, our_cards.open_alarms)
        cards.register("directories", 30, our_cards.directories)
        cards.register("expiring tokens", 40, our_cards.expiring_tokens)
