"""The project's own two app configurations: the site and the console."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class SiteConfig(AppConfig):
    """Static files, templates and the checks that concern the installation as a whole."""

    name = "tpi_site"
    verbose_name = "Trusted Packaging Index"

    def ready(self) -> None:
        """Register the installation's system checks and its cards on the console's landing page."""
        from tpi_site import checks, dashboard, directory_checks, figures  # noqa: F401  importing the checks registers them

        dashboard.register()
        figures.register()


class ConsoleConfig(AdminConfig):
    """Django's admin with our site object, which decides who may enter and how it looks."""

    default_site = "tpi_site.kit.admin.Console"
