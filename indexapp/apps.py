"""The index app."""

from __future__ import annotations

from django.apps import AppConfig


class IndexConfig(AppConfig):
    """What is published."""

    name = "indexapp"
    verbose_name = "Indexes"

    def ready(self) -> None:
        """Declare the app's jobs, and tell which indexes a token may be bound to."""
        from accounts.services import scope_indexes
        from indexapp.services.pages import access
        from tpi_site.kit import schedules

        scope_indexes.register(access.scope_indexes)
        schedules.declare("sweep blobs", "indexapp.tasks.sweep_blobs", every_minutes=24 * 60)
