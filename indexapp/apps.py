"""The index app."""

from __future__ import annotations

from django.apps import AppConfig


class IndexConfig(AppConfig):
    """What is published."""

    name = "indexapp"
    verbose_name = "Indexes"

    def ready(self) -> None:
        """Register the app's system checks."""
        from indexapp import checks  # noqa: F401  registration is the import's purpose
