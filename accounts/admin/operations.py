"""What the screens for those who run the installation have in common."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from tpi_site.kit.admin import Screen, actor_of


class OperationsScreen(Screen):
    """Operators see and start; what configures is the administrators'."""

    area = "operations"

    def rows(self, request: HttpRequest) -> QuerySet[Any]:
        """All."""
        found: QuerySet[Any] = self.model._default_manager.all()
        return found

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """For who runs the installation."""
        return bool(actor_of(request).sees_operation)

    def may_add(self, request: HttpRequest) -> bool:
        """Administrators."""
        return self.has_instance_permission(request)
