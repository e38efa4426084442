"""The audit log; it is read, never written, here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from accounts.admin.audit_filters import AuditFilter, export_filters
from accounts.admin.rows import managed_teams
from accounts.models import AuditEntry
from accounts.services import audit_chain, audit_filters
from tpi_site.kit.admin import ReadOnlyScreen, actor_of, marks


@admin.register(AuditEntry)
class AuditScreen(ReadOnlyScreen):
    """Who did what, the newest first. Others than administrators see their own acts and those on their teams."""

    section, place = "Evidence", 20
    empty_text = "Nothing has been recorded that fits."
    list_display = ("time", "actor_name", "action", "object", "result", "address")
    list_filter = (AuditFilter,)
    search_fields = ("actor_name", "object_name", "request_id")
    search_help_text = (
        "The exact name of a person or of what was acted upon, a token's key id, a request's id, or an entry's number."
    )
    ordering = ("-pk",)
    list_defer = ("detail",)
    fieldsets = (
        (None, {"fields": ("number", "exact_time", "action", "result", "reason")}),
        ("To what", {"fields": ("object_type", "object_name", "object_id")}),
        ("By whom", {"fields": ("actor_name", "actor_id", "method", "token_key_id", "address", "request_id")}),
        ("Place in the chain", {"fields": ("position", "hash", "previous_hash")}),
        ("Detail", {"fields": ("particulars",)}),
    )

    def rows(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        """All for those who may read it; for others what they did, and what was done to teams that they manage now."""
        actor = actor_of(request)
        if actor.reads_everything:
            return AuditEntry.objects.all()
        teams = managed_teams(actor).values("pk")
        return AuditEntry.objects.filter(Q(actor_id=actor.user_id) | Q(object_type="team", object_id__in=teams))

    def parts(self, request: HttpRequest) -> list[Q]:
        """What they did, and what others did to their teams, by the names that the log is indexed by."""
        actor = actor_of(request)
        if actor.reads_everything:
            return []
        own = Q(actor_name=actor.username, actor_id=actor.user_id)
        teams = list(managed_teams(actor).values_list("name", flat=True))
        others = ~Q(actor_id=actor.user_id) | Q(actor_id=None)
        return [own, others & Q(object_type="team", object_name__in=teams)] if teams else [own]

    def list_links(self, request: HttpRequest) -> list[tuple[str, str]]:
        """What the list shows as a file, for those who may read all of the log."""
        if not actor_of(request).reads_everything:
            return []
        export, kept = reverse("api:audit-export"), export_filters(request.GET)
        if kept is None:
            return []
        words = "Export these as" if kept else "Export all as"
        return [
            (f"{words} {label}", f"{export}?{urlencode({'format': form, **kept})}")
            for label, form in (("CSV", "csv"), ("JSON", "jsonl"))
        ]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Whole names only: both are found by their indexes, however long the log is."""
        return audit_filters.narrowed(queryset, {"q": search_term.strip()}), False

    @admin.display(description="Time")
    def time(self, row: AuditEntry) -> SafeString | str:
        """When it happened."""
        return marks.when(row.at)

    @admin.display(description="Number")
    def number(self, row: AuditEntry) -> int:
        """Its id, by which a search finds it."""
        return int(row.pk)

    @admin.display(description="Time")
    def exact_time(self, row: AuditEntry) -> SafeString:
        """When it happened, as it is stored and hashed."""
        return marks.exactly(row.at)

    @admin.display(description="Position")
    def position(self, row: AuditEntry) -> str:
        """Which entry of the chain it is."""
        place = _place(row)
        return str(place.position) if place else "none yet: it is chained within about a second"

    @admin.display(description="Hash")
    def hash(self, row: AuditEntry) -> SafeString | str:
        """What the chain holds of it, hexadecimal as in exports."""
        place = _place(row)
        return marks.mono(place.hash.hex()) if place else marks.NOTHING

    @admin.display(description="Hash before")
    def previous_hash(self, row: AuditEntry) -> SafeString | str:
        """The hash of the entry before, which this one's covers."""
        place = _place(row)
        return marks.mono(place.previous.hex()) if place else marks.NOTHING

    @admin.display(description="Object")
    def object(self, row: AuditEntry) -> str:
        """What was acted upon, by the name it had then."""
        return f"{row.object_type} {row.object_name}".strip() or marks.NOTHING

    @admin.display(description="Outcome")
    def result(self, row: AuditEntry) -> SafeString:
        """Done or refused."""
        return marks.badge(row.outcome, "bad" if row.outcome == AuditEntry.Outcome.REFUSED else "good")

    @admin.display(description="Detail")
    def particulars(self, row: AuditEntry) -> SafeString | str:
        """What the service noted."""
        return marks.block(row.detail)


def _place(row: Any) -> audit_chain.Place | None:
    """The entry's place in the chain, asked for once for a page."""
    if not hasattr(row, "place_in_chain"):
        row.place_in_chain = audit_chain.place_of(row.pk)
    place: audit_chain.Place | None = row.place_in_chain
    return place
