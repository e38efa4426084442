"""The index app."""

from __future__ import annotations

from django.apps import AppConfig


class IndexConfig(AppConfig):
    """What is published."""

    name = "indexapp"
    verbose_name = "Indexes"

    def ready(self) -> None:
        """Declare the app's jobs, tell what accounts hold here, and fill the console's registries."""
        from accounts.services import left_behind, scope_indexes
        from accounts.services.keys import contents, sealed_columns
        from indexapp.admin import cards as our_cards
        from indexapp.admin import rows
        from indexapp.services import blobs, downloads, resealing
        from indexapp.services import left_behind as our_left_behind
        from indexapp.services.pages import access
        from tpi_site.kit import companions, schedules
        from tpi_site.kit.admin import cards, entrance

        scope_indexes.register(access.scope_indexes)
        left_behind.register(our_left_behind.roles)
        sealed_columns.register(blobs.SEALED)
        contents.register(resealing.RESEALING)
        schedules.declare("sweep blobs", "indexapp.tasks.sweep_blobs", every_minutes=24 * 60)
        schedules.declare("seal what lies plain", "indexapp.tasks.seal_plain_blobs", every_minutes=5)
        downloads.on_note(companions.declare("download log", downloads.write, pause=1.0, idle=30.0))
        entrance.register("indexapp", rows.looks_after_something)
        cards.register("looked after", 10, our_cards.looked_after)
        cards.register("recent releases", 20, our_cards.recent_releases)
