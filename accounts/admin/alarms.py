"""What needs a person: open alarms first."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin
from django.db.models import F, Q
from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts.admin.alarm_links import links_of
from accounts.admin.operations import OperationsScreen
from accounts.models import Alarm, AuditEntry
from accounts.services import alarms
from tpi_site.kit.admin import ConfirmedAction, actor_of, marks
from tpi_site.kit.admin.filters import ConditionFilter


class StateFilter(ConditionFilter):
    """Whether somebody still has to look at it."""

    title, parameter_name = "state", "state"
    conditions: ClassVar = {"open": ("Open", Q(ended_at=None)), "ended": ("Seen to", Q(ended_at__isnull=False))}


@admin.register(Alarm)
class AlarmScreen(OperationsScreen):
    """Alarms; one is open once for each thing it is about, however often it happens."""

    section, place = "Evidence", 5
    empty_text = "No alarm fits; all is quiet."
    list_display = ("sentence", "state", "last", "count", "code", "since")
    list_filter = (StateFilter,)
    search_fields = ("code", "subject", "sentence")
    ordering = (F("ended_at").desc(nulls_first=True), "-last_at")
    fieldsets = (
        (None, {"fields": ("sentence", "state", "code", "subject", "count")}),
        ("When", {"fields": ("since", "last", "over", "ended_by")}),
    )
    confirmed_actions = (
        ConfirmedAction(
            name="end",
            label="Seen to",
            done="marked as seen to",
            question="It leaves the list of open alarms; if the cause goes on, a new one is raised.",
            perform=lambda actor, row, _: alarms.end(actor=actor, alarm=row),
            permission="secure",
            offered=lambda _, row: row.ended_at is None,
        ),
    )

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """For who runs the installation, and for security officers."""
        return bool(actor_of(request).sees_operation)

    def may_add(self, request: HttpRequest) -> bool:
        """Nobody: the product raises them."""
        return False

    def related(self, request: HttpRequest, row: Alarm) -> list[tuple[str, str]]:
        """What it is about."""
        return links_of(row, actor_of(request))

    def history_url(self, row: Alarm) -> str:
        """What was done about it."""
        return marks.list_url(AuditEntry, object_type="alarm", object_name=row)

    @admin.display(description="State")
    def state(self, row: Alarm) -> SafeString:
        """Open or seen to."""
        return marks.badge("open", "bad") if row.ended_at is None else marks.badge("seen to", "good")

    @admin.display(description="Last time")
    def last(self, row: Alarm) -> SafeString | str:
        """When it happened last."""
        return marks.when(row.last_at)

    @admin.display(description="Since")
    def since(self, row: Alarm) -> SafeString | str:
        """When it happened first."""
        return marks.when(row.raised_at)

    @admin.display(description="Seen to at")
    def over(self, row: Alarm) -> SafeString | str:
        """When it ended."""
        return marks.when(row.ended_at)
