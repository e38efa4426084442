"""Advisories, their imports, and what is exposed: read here, written by imports."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from accounts.admin.operations import OperationsScreen
from indexapp.domain.osv.severity import severity_word
from indexapp.models import Advisory, AdvisoryImport, AdvisoryPackage
from indexapp.services.vulnerabilities import exposure
from tpi_site.kit.admin import ReadOnlyScreen, actor_of, marks
from tpi_site.kit.admin.filters import ConditionFilter, choice_filter

TONES = {"critical": "bad", "high": "bad", "medium": "warn"}
_MOST = 200
_STATES = {AdvisoryImport.State.DONE: "good", AdvisoryImport.State.FAILED: "bad"}


class HoldingFilter(ConditionFilter):
    """Whether the advisory was withdrawn."""

    title, parameter_name = "standing", "standing"
    conditions: ClassVar = {
        "holds": ("Holds", Q(withdrawn_at=None)),
        "withdrawn": ("Withdrawn", Q(withdrawn_at__isnull=False)),
    }


@admin.register(Advisory)
class AdvisoryScreen(ReadOnlyScreen):
    """Advisories by their ids; they are public knowledge."""

    section, place, area = "Evidence", 40, "indexapp"
    empty_text = "No vulnerability data was imported; run 'manage.py import_osv', or set TPI_OSV_URL."
    list_display = ("osv_id", "how_bad", "summary", "changed_at", "standing")
    list_filter = (HoldingFilter,)
    list_defer = ("document", "details")
    search_fields = ("=osv_id", "=packages__normalized_name")
    ordering = ("osv_id",)
    fieldsets = (
        (None, {"fields": ("osv_id", "how_bad", "severity", "standing", "summary", "also_known_as", "speaks_of")}),
        ("When", {"fields": ("published_at", "changed_at")}),
        ("Record", {"fields": ("record",)}),
    )

    def rows(self, request: HttpRequest) -> QuerySet[Advisory]:
        """All."""
        return Advisory.objects.all()

    def get_urls(self) -> list[URLPattern]:
        """One address more, which is about no row."""
        return [
            path("exposed/", self.admin_site.admin_view(self.exposed_view), name="indexapp_advisory_exposed"),
            *super().get_urls(),
        ]

    def list_links(self, request: HttpRequest) -> list[tuple[str, str]]:
        """To what they mean here."""
        return [("What is exposed", reverse("admin:indexapp_advisory_exposed"))]

    def exposed_view(self, request: HttpRequest) -> HttpResponse:
        """The releases that the person may see and of which an advisory speaks, the worst first."""
        found = exposure.overview(actor_of(request), most=_MOST)
        request.current_app = self.admin_site.name
        context = {
            "title": "What is exposed",
            "found": found,
            "most": _MOST,
            "csv_url": reverse("api:exposed") + "?format=csv",
            "list_url": reverse("admin:indexapp_advisory_changelist"),
        }
        return TemplateResponse(request, "admin/exposed.html", {**self.admin_site.each_context(request), **context})

    @admin.display(description="Severity")
    def how_bad(self, row: Advisory) -> SafeString:
        """The word and the score."""
        word = severity_word(row.score)
        return marks.badge(word if row.score is None else f"{word} {row.score}", TONES.get(word, ""))

    @admin.display(description="Standing")
    def standing(self, row: Advisory) -> SafeString:
        """Whether it holds."""
        return marks.badge("withdrawn", "second") if row.withdrawn_at else marks.badge("holds")

    @admin.display(description="Also known as")
    def also_known_as(self, row: Advisory) -> str:
        """Its aliases."""
        return ", ".join(row.aliases) or marks.NOTHING

    @admin.display(description="Speaks of")
    def speaks_of(self, row: Advisory) -> str:
        """The projects, and what fixes it in each."""
        rows = AdvisoryPackage.objects.filter(advisory=row).order_by("normalized_name")[:_MOST]
        told = [f"{one.normalized_name} (fixed in {', '.join(one.fixed) or 'no version'})" for one in rows]
        return "; ".join(told) or marks.NOTHING

    @admin.display(description="Published")
    def published_at(self, row: Advisory) -> SafeString | str:
        """When it was published."""
        return marks.when(row.published)

    @admin.display(description="Modified")
    def changed_at(self, row: Advisory) -> SafeString | str:
        """When its record was changed last."""
        return marks.when(row.modified)

    @admin.display(description="Record")
    def record(self, row: Advisory) -> SafeString | str:
        """What OSV queries answer."""
        return marks.block(row.document)


@admin.register(AdvisoryImport)
class AdvisoryImportScreen(OperationsScreen):
    """Imports of vulnerability data, the newest first, those too that failed."""

    section, place = "Evidence", 41
    empty_text = "No vulnerability data was imported; run 'manage.py import_osv', or set TPI_OSV_URL."
    menu_name = "Imports of advisories"
    list_display = ("begun", "outcome", "source", "records", "added", "changed", "withdrawn", "refused")
    list_filter = (choice_filter("state", "state", "state", AdvisoryImport.State.choices),)
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("source", "outcome", "sentence")}),
        ("When", {"fields": ("begun", "over")}),
        ("Figures", {"fields": ("records", "added", "changed", "withdrawn", "refused")}),
        ("Records that cannot be used", {"fields": ("unusable_records",), "description": "The first of them."}),
    )

    def may_add(self, request: HttpRequest) -> bool:
        """Nobody: the command and the job do."""
        return False

    @admin.display(description="State")
    def outcome(self, row: AdvisoryImport) -> SafeString:
        """How it stands."""
        state = AdvisoryImport.State(row.state)
        return marks.badge(str(state.label), _STATES.get(state, ""))

    @admin.display(description="Records")
    def unusable_records(self, row: AdvisoryImport) -> SafeString | str:
        """What is wrong with which."""
        lines = [f"{one['name']}: {one['reason']}" for one in row.unusable]
        return marks.text_block("\n".join(lines)) if lines else marks.NOTHING

    @admin.display(description="Began")
    def begun(self, row: AdvisoryImport) -> SafeString | str:
        """When it began."""
        return marks.when(row.started_at)

    @admin.display(description="Ended")
    def over(self, row: AdvisoryImport) -> SafeString | str:
        """When it ended."""
        return marks.when(row.finished_at)
