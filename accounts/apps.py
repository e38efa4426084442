"""The accounts app."""

from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings


class AccountsConfig(AppConfig):
    """Who people are and what they may do."""

    name = "accounts"
    verbose_name = "People and rights"

    def ready(self) -> None:
        """Declare the app's jobs, who may enter the console, and the app's card on its landing page."""
        from accounts.admin import cards as our_cards
        from accounts.admin import rows
        from accounts.services import alarms
        from accounts.services.directories import standing
        from tpi_site.kit import gauges, schedules
        from tpi_site.kit.admin import cards, entrance

        schedules.declare("clear sessions", "accounts.tasks.clear_sessions", every_minutes=24 * 60)
        schedules.declare(
            "sync directories", "accounts.tasks.sync_directories", every_minutes=settings.TPI_DIRECTORY_SYNC_MINUTES
        )
        schedules.declare("ask directories", "accounts.tasks.ask_directories", every_minutes=5)
        gauges.declare(
            "tpi_directory_up", "Whether a directory answers (1) or fails (0).", standing.figures, labels=["directory"]
        )
        gauges.declare(
            "tpi_alarms_open",
            "Alarms that nobody has seen to, by what they are about.",
            alarms.figures,
            labels=["code"],
        )
        schedules.declare("purge tokens", "accounts.tasks.purge_tokens", every_minutes=60)
        entrance.register("accounts", rows.looks_after_a_team)
        cards.register("expiring tokens", 40, our_cards.expiring_tokens)
