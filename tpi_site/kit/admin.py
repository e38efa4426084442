"""The console: Django's admin with our skin and our rule of who may enter."""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.http import HttpRequest


class Console(AdminSite):
    """The one admin site."""

    site_header = "Trusted Packaging Index"
    site_title = "TPI console"
    index_title = "Console"
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        """Administrators may enter; apps widen this for team admins."""
        return request.user.is_active and request.user.is_staff
