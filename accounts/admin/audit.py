"""The audit log; it is read, never written, here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from accounts import permissions
from accounts.admin.rows import managed_teams
from accounts.models import AuditEntry
from tpi_site.kit.admin import ReadOnlyScreen, actor_of, marks
from tpi_site.kit.admin.filters import ConditionFilter, WithinFilter, choice_filter


class SubjectFilter(ConditionFilter):
    """What kind of thing was acted upon."""

    title, parameter_name = "concerning", "about"
    types: ClassVar = {
        "people": ("user", "team", "token"),
        "rights": ("role", "reservedprefix"),
        "content": ("index", "project", "release", "file"),
    }
    conditions: ClassVar = {
        "people": ("People, teams, tokens", Q(object_type__in=types["people"])),
        "rights": ("Roles and prefixes", Q(object_type__in=types["rights"])),
        "content": ("Indexes and what is in them", Q(object_type__in=types["content"])),
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


class ActionFilter(ConditionFilter):
    """What sort of act."""

    title, parameter_name = "act", "act"
    conditions: ClassVar = {
        word: (label, Q(action__startswith=word))
        for word, label in (
            ("sign-", "Sign-ins and sign-outs"),
            ("request.", "Refused requests"),
            ("token.", "Tokens"),
            ("role.", "Roles"),
            ("file.", "Files"),
            ("audit", "The log itself"),
            ("alarm.", "Alarms"),
        )
    }


_SPANS = {"hour": ("The last hour", 1), "day": ("The last day", 24), "month": ("The last 30 days", 720)}


def _since(span: str) -> datetime:
    return timezone.now() - timedelta(hours=_SPANS[span][1])


class TimeFilter(ConditionFilter):
    """How long ago."""

    title, parameter_name = "time", "within"

    def chosen(self) -> Mapping[str, tuple[str, Q]]:
        """From now."""
        return {word: (label, Q(at__gte=_since(word))) for word, (label, _) in _SPANS.items()}


class AddressFilter(WithinFilter):
    """What came from one address."""

    title, parameter_name, pins = "address", "address", False

    def condition(self, value: str) -> Q:
        """By the address as it was written."""
        return Q(address=value)


class RequestFilter(WithinFilter):
    """What one request did."""

    title, parameter_name = "request", "request"

    def condition(self, value: str) -> Q:
        """By the id that the answer told."""
        return Q(request_id=value)


def export_filters(query: Mapping[str, str]) -> dict[str, str]:
    """What the list is narrowed by, in the words of the REST API; what narrows nothing in the list is left out."""
    kept = {word: query[word] for word in ("actor", "address", "q") if query.get(word)}
    if request_id := query.get("request"):
        kept["request_id"] = request_id
    if (outcome := query.get("outcome")) in AuditEntry.Outcome.values:
        kept["outcome"] = str(outcome)
    if (act := query.get("act", "")) in ActionFilter.conditions:
        kept["action_prefix"] = act
    if (span := query.get("within", "")) in _SPANS:
        kept["after"] = _since(span).isoformat()
    kept |= _kept_object(query)
    return {word: text.strip() for word, text in kept.items() if "\x00" not in text}


def _kept_object(query: Mapping[str, str]) -> dict[str, str]:
    kind, _, name = query.get("object", "").partition(":")
    about = SubjectFilter.types.get(query.get("about", ""))
    if not kind:
        return {"object_type": ",".join(about)} if about else {}
    is_elsewhere = about is not None and kind not in about
    return {"object_type": "nothing" if is_elsewhere else kind, "object_name": name}


@admin.register(AuditEntry)
class AuditScreen(ReadOnlyScreen):
    """Who did what, the newest first. Others than administrators see their own acts and those on their teams."""

    section, place = "Evidence", 20
    empty_text = "Nothing has been recorded that fits."
    list_display = ("time", "actor_name", "action", "object", "result", "address")
    list_filter = (
        choice_filter("outcome", "outcome", "outcome", AuditEntry.Outcome.choices, usual=AuditEntry.Outcome.DONE),
        SubjectFilter,
        ActionFilter,
        TimeFilter,
        ActorFilter,
        ObjectFilter,
        AddressFilter,
        RequestFilter,
    )
    search_fields = ("actor_name", "object_name", "request_id")
    search_help_text = "The exact name of a person or of what was acted upon, a token's key id, or a request's id."
    ordering = ("-pk",)
    list_defer = ("detail",)
    fieldsets = (
        (None, {"fields": ("time", "action", "result", "reason", "object")}),
        ("By whom", {"fields": ("actor_name", "method", "token_key_id", "address", "request_id")}),
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
        words = "Export these as" if kept else "Export all as"
        return [
            (f"{words} {label}", f"{export}?{urlencode({'format': form, **kept})}")
            for label, form in (("CSV", "csv"), ("JSON", "jsonl"))
        ]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Whole names only: both are found by their indexes, however long the log is."""
        text = search_term.strip()
        if not text:
            return queryset, False
        return queryset.filter(permissions.audit_search(text)), False

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
