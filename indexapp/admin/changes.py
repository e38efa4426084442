"""The change log; it is read, never written, here."""

from __future__ import annotations

from collections import defaultdict
from functools import reduce
from operator import or_

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from indexapp.admin.rows import Reach, reach_for
from indexapp.domain.change_kinds import ChangeKind
from indexapp.models import Change, Index, Project
from tpi_site.kit.admin import ReadOnlyScreen, marks
from tpi_site.kit.admin.filters import WithinFilter, choice_filter

_TONES = {"deleted": "bad", "yanked": "warn", "replaced": "warn", "created": "good", "added": "good"}
_KINDS = [(kind.value, kind.value.replace("-", " ")) for kind in ChangeKind]


class ChangedIndexFilter(WithinFilter):
    """One index, by its name at the time."""

    title, parameter_name = "index", "index"

    def condition(self, value: str) -> Q:
        """By the indexed name."""
        return Q(index_name=value)


class ChangedProjectFilter(WithinFilter):
    """One project, given as ``index/normalised-name``."""

    title, parameter_name = "project", "project"

    def condition(self, value: str) -> Q:
        """By names that are indexed together."""
        index, _, name = value.rpartition("/")
        return Q(index_name=index, project=name)


@admin.register(Change)
class ChangeScreen(ReadOnlyScreen):
    """What happened to indexes and projects that the actor administers, the newest first."""

    section, place, area = "Evidence", 10, "indexapp"
    empty_text = "Nothing has happened yet."
    list_display = ("serial", "time", "what", "index_name", "subject", "actor_name")
    list_filter = (
        choice_filter("kind", "kind", "kind", _KINDS, usual=ChangeKind.FILE_ADDED.value),
        ChangedIndexFilter,
        ChangedProjectFilter,
    )
    list_defer = ("detail",)
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("serial", "time", "what", "actor_name")}),
        ("What", {"fields": ("index_name", "project", "version", "filename", "particulars")}),
    )

    def rows(self, request: HttpRequest) -> QuerySet[Change]:
        """All for administrators; for others by the ids and names of what they administer now."""
        reach = reach_for(request)
        if reach.everywhere:
            return Change.objects.all()
        caught = Q(index_id__in=reach.indexes)
        if reach.projects is not None:
            caught |= Q(Exists(_lived(reach.projects)))
        return Change.objects.filter(caught)

    def parts(self, request: HttpRequest) -> list[Q]:
        """Those of whole indexes, and those of single projects, by the names that the log is indexed by."""
        reach = reach_for(request)
        if reach.everywhere:
            return []
        parts = [_of_indexes(reach)] if reach.indexes else []
        return [*parts, _of_projects(reach.projects)] if reach.projects is not None else parts

    @admin.display(description="Time")
    def time(self, row: Change) -> SafeString | str:
        """When it was committed."""
        return marks.when(row.at)

    @admin.display(description="What")
    def what(self, row: Change) -> SafeString:
        """The kind as words."""
        return marks.badge(row.kind.replace("-", " "), _TONES.get(row.kind.rpartition("-")[2], ""))

    @admin.display(description="Of")
    def subject(self, row: Change) -> str:
        """File, release or project."""
        return row.filename or f"{row.project} {row.version}".strip() or marks.NOTHING

    @admin.display(description="Detail")
    def particulars(self, row: Change) -> SafeString | str:
        """What the service noted."""
        return marks.block(row.detail)


def _of_indexes(reach: Reach) -> Q:
    names = Index.objects.filter(pk__in=reach.indexes).values_list("name", flat=True)
    return Q(index_name__in=list(names), index_id__in=reach.indexes)


def _of_projects(projects: QuerySet[Project]) -> Q:
    """Project by project, under the index they are in; the net sees to the dates.

    A subquery, so that the names are looked up before anybody thinks of reading the whole log backwards.
    """
    by_index: dict[str, list[str]] = defaultdict(list)
    for index, name in projects.values_list("index__name", "normalized_name"):
        by_index[index].append(name)
    named = (Q(index_name=index, project__in=names) for index, names in by_index.items())
    return Q(pk__in=Change.objects.filter(reduce(or_, named, Q(pk__in=[]))).order_by().values("pk"))


def _lived(projects: QuerySet[Project]) -> QuerySet[Project]:
    """The project that a change is about, if it was there already: the name may have been another's before."""
    return projects.filter(
        index_id=OuterRef("index_id"), normalized_name=OuterRef("project"), created_at__lte=OuterRef("at")
    )
