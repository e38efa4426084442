"""Backups and drills: evidence that what is kept could be brought back."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts.admin.operations import OperationsScreen
from indexapp.models import Backup, Drill
from tpi_site.kit.admin import marks
from tpi_site.kit.admin.filters import ConditionFilter, choice_filter

_TONES = {Backup.State.DONE: "good", Backup.State.DAMAGED: "warn", Backup.State.FAILED: "bad"}


class EvidenceScreen(OperationsScreen):
    """Read by who runs the installation and by auditors, written by nobody here."""

    section = "Evidence"

    def may_add(self, request: HttpRequest) -> bool:
        """Nobody: the commands and the jobs do."""
        return False

    @admin.display(description="Began")
    def begun(self, row: Backup | Drill) -> SafeString | str:
        """When it began."""
        return marks.when(row.started_at)


@admin.register(Backup)
class BackupScreen(EvidenceScreen):
    """Backups, the newest first, those too that failed."""

    place = 30
    empty_text = "There is no backup yet; run 'manage.py backup', or set TPI_BACKUP_URL."
    list_display = ("name", "outcome", "begun", "kind", "contents", "copied", "sentence")
    list_filter = (choice_filter("state", "state", "state", Backup.State.choices),)
    search_fields = ("name",)
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("name", "outcome", "kind", "place", "sentence")}),
        ("When", {"fields": ("begun", "over")}),
        ("Figures", {"fields": ("contents", "copied", "copied_bytes", "damaged", "manifest_sha256")}),
    )

    @admin.display(description="State")
    def outcome(self, row: Backup) -> SafeString:
        """How it stands."""
        return marks.badge(str(Backup.State(row.state).label), _TONES.get(Backup.State(row.state), ""))

    @admin.display(description="Ended")
    def over(self, row: Backup) -> SafeString | str:
        """When it ended."""
        return marks.when(row.finished_at)


class GoodFilter(ConditionFilter):
    """Whether all went well."""

    title, parameter_name = "outcome", "outcome"
    conditions: ClassVar = {"good": ("Good", Q(is_good=True)), "failed": ("Failed", Q(is_good=False))}


@admin.register(Drill)
class DrillScreen(EvidenceScreen):
    """Restores into scratch, with what was seen."""

    place = 31
    empty_text = "There was no drill yet; run 'manage.py drill'."
    list_display = ("begun", "outcome", "backup_name", "contents", "installed", "seconds", "sentence")
    list_filter = (GoodFilter,)
    list_defer = ("report",)
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("backup_name", "outcome", "place", "sentence", "begun", "seconds")}),
        ("Figures", {"fields": ("contents", "installed", "report_sha256")}),
        ("Report", {"fields": ("particulars",)}),
    )

    @admin.display(description="Outcome")
    def outcome(self, row: Drill) -> SafeString:
        """Whether all went well, once it has ended."""
        if not row.report_sha256:
            return marks.badge("not ended")
        return marks.badge("good", "good") if row.is_good else marks.badge("failed", "bad")

    @admin.display(description="Report")
    def particulars(self, row: Drill) -> SafeString | str:
        """What was seen."""
        return marks.block(row.report)
