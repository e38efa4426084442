"""Backups and drills: evidence that what is kept could be brought back."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from accounts.admin.operations import OperationsScreen
from indexapp.models import Backup, Drill
from indexapp.services.backups import asking, drilling
from tpi_site.kit.admin import actor_of, freshness, marks
from tpi_site.kit.admin.filters import ConditionFilter, choice_filter
from tpi_site.kit.errors import NotFound, Refusal

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

    def get_urls(self) -> list[URLPattern]:
        """One address more, which is about no row."""
        return [
            path("now/", self.admin_site.admin_view(self.now_view), name="indexapp_backup_now"),
            *super().get_urls(),
        ]

    def list_links(self, request: HttpRequest) -> list[tuple[str, str]]:
        """For who runs the installation, where there is a place for backups."""
        is_offered = settings.TPI_BACKUP_URL and actor_of(request).may_operate
        return [("Back up now", reverse("admin:indexapp_backup_now"))] if is_offered else []

    def now_view(self, request: HttpRequest) -> HttpResponse:
        """Ask, then let a job begin the backup that the schedule would make next."""
        if not self.has_view_permission(request) or not actor_of(request).may_operate:
            raise NotFound("Only an operator or an administrator of the instance makes backups.")
        if (interruption := freshness.interruption(request)) is not None:
            return interruption
        error = ""
        if "confirmed" in request.POST:
            try:
                job = asking.ask_backup(actor=actor_of(request))
            except Refusal as refusal:
                error = refusal.detail
            else:
                self.message_user(request, f"The job '{job}' begins it; this list shows how it goes.", messages.SUCCESS)
                return HttpResponseRedirect(self._list_url())
        request.current_app = self.admin_site.name
        context = {"title": "Back up now", "list_url": self._list_url(), "error": error}
        return TemplateResponse(request, "admin/backup_now.html", {**self.admin_site.each_context(request), **context})

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

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Drill | None:
        """The drill, with its report as far as it is for who asks."""
        row: Drill | None = super().get_object(request, object_id, from_field)
        if row is not None:
            row.report = drilling.report_for(actor_of(request), row)
        return row

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
