"""The nodes that serve."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts.admin.operations import OperationsScreen
from accounts.models import Node
from accounts.services import nodes
from tpi_site.kit.admin import marks


@admin.register(Node)
class NodeScreen(OperationsScreen):
    """Each node with its release; it writes its row itself."""

    section, place = "Operation", 10
    empty_text = "No node has said yet that it serves."
    list_display = ("name", "state", "release", "seen", "started")
    ordering = ("name",)
    fieldsets = ((None, {"fields": ("name", "state", "release", "seen", "started", "known")}),)

    def may_add(self, request: HttpRequest) -> bool:
        """Nobody: nodes do it themselves."""
        return False

    def may_change(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    @admin.display(description="State")
    def state(self, row: Node) -> SafeString:
        """Whether it serves."""
        if row.left_at is not None:
            return marks.badge("stopped")
        return marks.badge("serves", "good") if nodes.is_living(row) else marks.badge("silent", "bad")

    @admin.display(description="Seen")
    def seen(self, row: Node) -> SafeString | str:
        """When it last said that it lives."""
        return marks.when(row.seen_at)

    @admin.display(description="Started")
    def started(self, row: Node) -> SafeString | str:
        """Since when it serves."""
        return marks.when(row.started_at)

    @admin.display(description="Last migrations of its code")
    def known(self, row: Node) -> SafeString:
        """By app."""
        return marks.text_block("\n".join(f"{app} {name}" for app, name in sorted(row.migrations.items())))
