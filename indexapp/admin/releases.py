"""Releases: looked at, yanked, deleted."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from indexapp.admin.filters import ProjectFilter, ReleaseIndexFilter, project_value
from indexapp.admin.rows import parts_for, reach_for
from indexapp.admin.searching import projects_matching
from indexapp.admin.trash import fate
from indexapp.models import Change, File, Release
from indexapp.services import releases
from tpi_site.kit.admin import ConfirmedAction, ReadOnlyScreen, Reason, marks
from tpi_site.kit.admin.cards import counted
from tpi_site.kit.admin.filters import flag_filter


def yank_mark(row: Any) -> SafeString | str:
    """Whether a release or file is yanked."""
    return marks.badge("yanked", "warn") if row.is_yanked else marks.NOTHING


@admin.register(Release)
class ReleaseScreen(ReadOnlyScreen):
    """Releases of projects that the actor administers, the newest first."""

    section, place, area = "Publishing", 30, "indexapp"
    empty_text = "There are no releases yet. Publish the first one with twine or uv."
    list_display = ("project", "version", "index", "mark", "since", "about")
    list_display_links = ("project", "version")
    list_filter = (
        ReleaseIndexFilter,
        flag_filter("yanked", "yanked", "is_yanked", "Yanked"),
        ProjectFilter,
    )
    list_select_related = ("project__index",)
    list_defer = ("metadata", "project__summary")
    search_fields = ("version",)  # shows the search box
    search_help_text = "Words of a project's name or summary."
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("version", "project", "index", "about")}),
        ("State", {"fields": ("mark", "yank_reason")}),
        ("Metadata", {"fields": ("requires_python", "metadata_source", "since", "core_metadata")}),
    )
    confirmed_actions = (
        ConfirmedAction(
            name="yank",
            label="Yank",
            done="yanked",
            question="Installers pass it over unless it is asked for exactly; nothing that has it pinned breaks.",
            perform=lambda actor, row, given: releases.yank(actor=actor, release=row, reason=given["reason"]),
            form=Reason,
            offered=lambda _, row: not row.is_yanked,
        ),
        ConfirmedAction(
            name="unyank",
            label="Unyank",
            done="unyanked",
            question="Installers take it again as they did before.",
            perform=lambda actor, row, _: releases.unyank(actor=actor, release=row),
            offered=lambda _, row: row.is_yanked,
        ),
    )
    deletion = ConfirmedAction(
        name="delete",
        label="Delete",
        done="deleted",
        question=fate(
            "It goes with its files", "The names of its files stay refused. To warn people off without loss, yank it."
        ),
        perform=lambda actor, row, _: releases.delete(actor=actor, release=row),
        extent=lambda row: f"It has {counted(row.files, 'file')}.",
        is_dangerous=True,
        removes=True,
    )

    def rows(self, request: HttpRequest) -> QuerySet[Release]:
        """Releases of projects administered, with what their name needs."""
        return reach_for(request).cast(Release.objects.select_related("project__index"), "project__index", "project")

    def parts(self, request: HttpRequest) -> list[Q]:
        """Those of whole indexes, and those of single projects."""
        return parts_for(request, "project__index", "project")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By project."""
        if not search_term.strip():
            return queryset, False
        return queryset.filter(project__in=projects_matching(search_term)), False

    def history_url(self, row: Release) -> str:
        """What happened to its project."""
        return marks.list_url(Change, project=project_value(row.project))

    def related(self, request: HttpRequest, row: Release) -> list[tuple[str, str]]:
        """Its project and its files."""
        value = f"{project_value(row.project)}/{row.canonical_version}"
        return [("Project", marks.page_url(row.project)), ("Files", marks.list_url(File, release=value))]

    @admin.display(description="Index")
    def index(self, row: Release) -> str:
        """Where it is published."""
        return str(row.project.index.name)

    @admin.display(description="Yanked")
    def mark(self, row: Release) -> SafeString | str:
        """Whether it is yanked."""
        return yank_mark(row)

    @admin.display(description="Published")
    def since(self, row: Release) -> SafeString | str:
        """When its first file came."""
        return marks.when(row.created_at)

    @admin.display(description="Summary")
    def about(self, row: Release) -> str:
        """What it says of itself."""
        return row.summary or marks.NOTHING

    @admin.display(description="Core metadata")
    def core_metadata(self, row: Release) -> SafeString | str:
        """As read from the artefact, without the description."""
        return marks.block(row.metadata)
