"""The audit log; it is read, never written, here."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts.admin.rows import managed_teams
from accounts.models import AuditEntry
from tpi_site.kit.admin import ReadOnlyScreen, actor_of, marks
from tpi_site.kit.admin.filters import ConditionFilter, WithinFilter, choice_filter

_TYPES = (
    *("user", "team", "token", "directory", "groupmapping", "alarm"),
    *("index", "project", "release", "file", "role", "reservedprefix"),
)


class SubjectFilter(ConditionFilter):
    """What kind of thing was acted upon."""

    title, parameter_name = "concerning", "about"
    conditions: ClassVar = {
        "people": ("People, teams, tokens", Q(object_type__in=("user", "team", "token"))),
        "rights": ("Roles and prefixes", Q(object_type__in=("role", "reservedprefix"))),
        "content": ("Indexes and what is in them", Q(object_type__in=("index", "project", "release", "file"))),
    }


class ActorFilter(WithinFilter):
    """One person's acts."""

    title, parameter_name = "actor", "actor"

    def condition(self, value: str) -> Q:
        """By the name at the time."""
        return Q(actor_name=value)


class ObjectFilter(WithinFilter):
    """What was done to one thing, given as ``type:name``."""

    title, parameter_name = "object", "object"

    def condition(self, value: str) -> Q:
        """By type and name, which are indexed together."""
        kind, _, name = value.partition(":")
        return Q(object_type=kind, object_name=name)


@admin.register(AuditEntry)
class AuditScreen(ReadOnlyScreen):
    """Who did what, the newest first. Others than administrators see their own acts and those on their teams."""

    section, place = "Evidence", 20
    empty_text = "Nothing has been recorded that fits."
    list_display = ("time", "actor_name", "action", "object", "result", "address")
    list_filter = (
        choice_filter("outcome", "outcome", "outcome", AuditEntry.Outcome.choices, usual=AuditEntry.Outcome.DONE),
        SubjectFilter,
        ActorFilter,
        ObjectFilter,
    )
    search_fields = ("actor_name", "object_name")
    search_help_text = "The exact name of a person or of what was acted upon."
    ordering = ("-pk",)
    list_defer = ("detail",)
    fieldsets = (
        (None, {"fields": ("time", "action", "result", "object")}),
        ("By whom", {"fields": ("actor_name", "method", "token_key_id", "address", "request_id")}),
        ("Detail", {"fields": ("particulars",)}),
    )

    def rows(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        """All for administrators; for others what they did, and what was done to teams that they manage now."""
        actor = actor_of(request)
        if actor.may_administer_instance:
            return AuditEntry.objects.all()
        teams = managed_teams(actor).values("pk")
        return AuditEntry.objects.filter(Q(actor_id=actor.user_id) | Q(object_type="team", object_id__in=teams))

    def parts(self, request: HttpRequest) -> list[Q]:
        """What they did, and what others did to their teams, by the names that the log is indexed by."""
        actor = actor_of(request)
        if actor.may_administer_instance:
            return []
        own = Q(actor_name=actor.username, actor_id=actor.user_id)
        teams = list(managed_teams(actor).values_list("name", flat=True))
        others = ~Q(actor_id=actor.user_id) | Q(actor_id=None)
        return [own, others & Q(object_type="team", object_name__in=teams)] if teams else [own]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Whole names only: both are found by their indexes, however long the log is."""
        text = search_term.strip()
        if not text:
            return queryset, False
        return queryset.filter(Q(actor_name=text) | Q(object_type__in=_TYPES, object_name=text)), False

    @admin.display(description="Time")
    def time(self, row: AuditEntry) -> SafeString | str:
        """When it happened."""
        return marks.when(row.at)

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
