"""The switch of read-only mode, and when it was on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts.admin.operations import OperationsScreen
from accounts.domain.actors import Actor
from accounts.models import AuditEntry, ReadOnlyPeriod
from accounts.services import read_only
from tpi_site.kit.admin import ConfirmedAction, actor_of, marks
from tpi_site.kit.admin.refusals import RefusableForm


class SwitchForm(RefusableForm):
    """Switching it on."""

    class Meta:
        model = ReadOnlyPeriod
        fields = ("reason",)
        help_texts = {"reason": "Shown on every page and in every refusal."}


@admin.register(ReadOnlyPeriod)
class ReadOnlyPeriodScreen(OperationsScreen):
    """Adding a row switches the mode on; those who run the installation may."""

    section, place = "Operation", 5
    menu_name, add_label = "Read-only mode", "Switch on"
    empty_text = (
        "The installation has never been read-only. While it is, packages can be read and nothing can be changed."
    )
    list_display = ("since", "state", "reason", "started_by", "over", "ended_by")
    ordering = ("-pk",)
    form = add_form = SwitchForm
    fieldsets = ((None, {"fields": ("state", "reason", "since", "started_by", "over", "ended_by")}),)
    readonly_fields = ("state", "reason", "since", "started_by", "over", "ended_by")
    add_fieldsets: ClassVar[Any] = ((None, {"fields": ("reason",)}),)
    confirmed_actions = (
        ConfirmedAction(
            name="end",
            label="Switch off",
            done="ended",
            question="Changes are taken again, on all nodes within a second.",
            perform=lambda actor, row, _: read_only.turn_off(actor=actor, period=row),
            permission="operate",
            offered=lambda _, row: row.ended_at is None,
            is_bulk=False,
        ),
    )

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Operators and administrators."""
        return self.has_view_permission(request) and bool(actor_of(request).may_operate)

    def may_add(self, request: HttpRequest) -> bool:
        """Operators and administrators."""
        return bool(actor_of(request).may_operate)

    def may_change(self, request: HttpRequest) -> bool:
        """Nobody: a period is begun and ended."""
        return False

    def add_row(self, actor: Actor, given: Mapping[str, Any]) -> ReadOnlyPeriod:
        """Switch the mode on."""
        return read_only.turn_on(actor=actor, **given)

    def history_url(self, row: ReadOnlyPeriod) -> str:
        """Who switched it."""
        return marks.list_url(AuditEntry, object_type="readonlyperiod", object_name=row)

    @admin.display(description="State")
    def state(self, row: ReadOnlyPeriod) -> SafeString:
        """On, or over."""
        return marks.badge("on", "bad") if row.ended_at is None else marks.badge("over")

    @admin.display(description="Since")
    def since(self, row: ReadOnlyPeriod) -> SafeString | str:
        """When it was switched on."""
        return marks.when(row.started_at)

    @admin.display(description="Until")
    def over(self, row: ReadOnlyPeriod) -> SafeString | str:
        """When it was switched off."""
        return marks.when(row.ended_at)
