"""The accounts app."""

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Who people are and what they may do."""

    name = "accounts"
    verbose_name = "People and rights"

    def ready(self) -> None:
        """Declare the app's jobs, who may enter the console and who must prove themselves again, and the app's cards."""
        from django.contrib.auth.signals import user_logged_in

        from accounts import browser_sessions
        from accounts.admin import cards as our_cards
        from accounts.admin import rows
        from accounts.permissions import may_end_sessions
        from accounts.views import fresh
        from tpi_site.kit import schedules
        from tpi_site.kit.admin import cards, entrance, freshness

        schedules.declare("clear sessions", "accounts.tasks.clear_sessions", every_minutes=24 * 60)
        user_logged_in.connect(browser_sessions.on_login, dispatch_uid="accounts.browser_sessions")
        entrance.register("accounts", rows.looks_after_a_team)
        entrance.register("sessions", may_end_sessions)
        freshness.register(fresh.interruption)
        cards.register("second factors", 45, our_cards.second_factors)
        cards.register("expiring tokens", 40, our_cards.expiring_tokens)
