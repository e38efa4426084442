"""Runs that compared a directory with the accounts here, with their reports."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin.operations import OperationsScreen
from accounts.models import DirectorySync
from tpi_site.kit.admin import marks
from tpi_site.kit.admin.filters import ConditionFilter, WithinFilter, choice_filter

_TONES = {
    DirectorySync.State.DONE: "good",
    DirectorySync.State.PAUSED: "warn",
    DirectorySync.State.FAILED: "bad",
}


def state_of(sync: DirectorySync) -> tuple[str, str]:
    """A word on the sync, and its tone."""
    return str(DirectorySync.State(sync.state)), _TONES.get(DirectorySync.State(sync.state), "")


def sync_mark(sync: DirectorySync) -> SafeString:
    """How a sync ended, and when it began."""
    return format_html("{} {}", marks.when(sync.started_at), marks.badge(*state_of(sync)))


class DirectoryFilter(WithinFilter):
    """One directory."""

    title, parameter_name = "directory", "directory"

    def condition(self, value: str) -> Q:
        """By its name."""
        return Q(directory__name=value)


class KindFilter(ConditionFilter):
    """Dry runs, or those that changed something."""

    title, parameter_name = "kind", "kind"
    conditions = {"sync": ("Syncs", Q(dry_run=False)), "plan": ("Dry runs", Q(dry_run=True))}


@admin.register(DirectorySync)
class DirectorySyncScreen(OperationsScreen):
    """What syncs did and plans would do, the newest first."""

    section, place = "People and rights", 70
    empty_text = "Nothing has been synced yet; open a directory and plan a sync."
    list_display = ("begun", "directory", "what", "outcome", "found", "gains", "losses")
    list_filter = (choice_filter("state", "state", "state", DirectorySync.State.choices), KindFilter, DirectoryFilter)
    list_select_related = ("directory",)
    list_defer = ("differences", "cursor")
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("directory", "what", "outcome", "in_words", "begun", "over")}),
        (
            "Figures",
            {
                "fields": ("found", "added", "changed", "removed", "memberships_added", "memberships_removed"),
            },
        ),
        ("Differences", {"fields": ("report",)}),
    )

    def may_add(self, request: HttpRequest) -> bool:
        """Nobody: a sync is started at its directory."""
        return False

    def related(self, request: HttpRequest, row: DirectorySync) -> list[tuple[str, str]]:
        """The directory."""
        return [("Directory", marks.page_url(row.directory))]

    @admin.display(description="Began")
    def begun(self, row: DirectorySync) -> SafeString | str:
        """When it began."""
        return marks.when(row.started_at)

    @admin.display(description="Ended")
    def over(self, row: DirectorySync) -> SafeString | str:
        """When it ended."""
        return marks.when(row.ended_at)

    @admin.display(description="Kind")
    def what(self, row: DirectorySync) -> SafeString:
        """Whether it changed anything."""
        return marks.badge("dry run", "second") if row.dry_run else marks.badge("sync")

    @admin.display(description="State")
    def outcome(self, row: DirectorySync) -> SafeString:
        """Where it stands."""
        return marks.badge(*state_of(row))

    @admin.display(description="In words")
    def in_words(self, row: DirectorySync) -> str:
        """What came of it."""
        return row.sentence or marks.NOTHING

    @admin.display(description="Made, changed, given")
    def gains(self, row: DirectorySync) -> str:
        """Accounts made and changed, memberships given."""
        return f"{row.added}, {row.changed}, {row.memberships_added}"

    @admin.display(description="Shut out, ended")
    def losses(self, row: DirectorySync) -> str:
        """People shut out, memberships ended."""
        return f"{row.removed}, {row.memberships_removed}"

    @admin.display(description="Report")
    def report(self, row: DirectorySync) -> SafeString | str:
        """A table of people and what was, or would be, done about them."""
        rows = [(entry.get("person", ""), entry.get("did", [])) for entry in _entries(row.differences)]
        if not rows:
            return "No differences." if row.ended_at else "Not known yet."
        return render_to_string("admin/parts/differences.html", {"rows": rows, "sync": row})


def _entries(differences: Any) -> list[dict[str, Any]]:
    return [entry for entry in differences if isinstance(entry, dict)] if isinstance(differences, list) else []
