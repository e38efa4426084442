"""Files: looked at, yanked, deleted."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from indexapp.admin.filters import IndexFilter, ProjectFilter, project_value
from indexapp.admin.releases import yank_mark
from indexapp.admin.rows import parts_for, reach_for
from indexapp.admin.searching import file_condition
from indexapp.admin.trash import fate
from indexapp.models import Change, File, Release
from indexapp.services import releases
from tpi_site.kit.admin import ConfirmedAction, ReadOnlyScreen, Reason, marks
from tpi_site.kit.admin.filters import WithinFilter, flag_filter


class ReleaseFilter(WithinFilter):
    """One release, given as ``index/project/canonical version``."""

    title, parameter_name = "release", "release"

    def condition(self, value: str) -> Q:
        """By the release's id: one small query, then an indexed column."""
        index, project, version = [*value.split("/", 2), "", ""][:3]
        found: Any = Release.objects.filter(
            project__index__name=index, project__normalized_name=project, canonical_version=version
        ).values_list("pk", flat=True)
        return Q(release__in=list(found))


@admin.register(File)
class FileScreen(ReadOnlyScreen):
    """Files of projects that the actor administers, the newest first."""

    section, place, area = "Publishing", 40, "indexapp"
    empty_text = "There are no files yet. Publish the first one with twine or uv."
    list_display = ("filename", "project", "index", "bytes", "mark", "time", "uploaded_by")
    list_filter = (
        IndexFilter,
        flag_filter("yanked", "yanked", "is_yanked", "Yanked"),
        ProjectFilter,
        ReleaseFilter,
    )
    list_select_related = ("index", "project")
    list_defer = ("attestations", "comment", "project__summary")
    search_fields = ("filename",)  # shows the search box
    search_help_text = "A whole file name, a whole SHA-256, or words of the project's name or summary."
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("filename", "project", "release", "index")}),
        ("State", {"fields": ("mark", "yank_reason", "damage")}),
        ("Upload", {"fields": ("time", "uploaded_by", "comment")}),
        ("Content", {"fields": ("kind", "python_tag", "requires_python", "bytes", "sha256", "blake2b", "md5_digest")}),
    )
    confirmed_actions = (
        ConfirmedAction(
            name="yank",
            label="Yank",
            done="yanked",
            question="Installers pass it over unless it is asked for exactly; nothing that has it pinned breaks.",
            perform=lambda actor, row, given: releases.yank_file(actor=actor, file=row, reason=given["reason"]),
            form=Reason,
            offered=lambda _, row: not row.is_yanked,
        ),
        ConfirmedAction(
            name="unyank",
            label="Unyank",
            done="unyanked",
            question="Installers take it again, unless its release is yanked.",
            perform=lambda actor, row, _: releases.unyank_file(actor=actor, file=row),
            offered=lambda _, row: row.is_yanked,
        ),
    )
    deletion = ConfirmedAction(
        name="delete",
        label="Delete",
        done="deleted",
        question=fate("It goes", "Its name stays refused. To warn people off without loss, yank it."),
        perform=lambda actor, row, _: releases.delete_file(actor=actor, file=row),
        is_dangerous=True,
        removes=True,
    )

    def rows(self, request: HttpRequest) -> QuerySet[File]:
        """Files of projects administered."""
        return reach_for(request).cast(File.objects.select_related("index", "project"), "index", "project")

    def parts(self, request: HttpRequest) -> list[Q]:
        """Those of whole indexes, and those of single projects."""
        return parts_for(request, "index", "project")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By name, digest or project."""
        if not search_term.strip():
            return queryset, False
        return queryset.filter(file_condition(search_term)), False

    def history_url(self, row: File) -> str:
        """What happened to its project."""
        return marks.list_url(Change, project=project_value(row.project))

    def related(self, request: HttpRequest, row: File) -> list[tuple[str, str]]:
        """Where it belongs."""
        return [("Project", marks.page_url(row.project)), ("Release", marks.page_url(row.release))]

    @admin.display(description="Size")
    def bytes(self, row: File) -> SafeString | str:
        """How large it is."""
        return marks.size(row.size)

    @admin.display(description="Yanked")
    def mark(self, row: File) -> SafeString | str:
        """Whether it is yanked."""
        return yank_mark(row)

    @admin.display(description="Damage", empty_value="none known")
    def damage(self, row: File) -> SafeString | str:
        """What is wrong with its stored bytes or its metadata's; it is not served meanwhile."""
        found = (blob.damage for blob in (row.blob, row.metadata_blob) if blob and blob.damaged_at)
        return next(found, "")

    @admin.display(description="Uploaded")
    def time(self, row: File) -> SafeString | str:
        """When it came."""
        return marks.when(row.uploaded_at)

    @admin.display(description="BLAKE2b-256")
    def blake2b(self, row: File) -> SafeString | str:
        """The digest."""
        return marks.mono(row.blake2b_256)

    @admin.display(description="SHA-256")
    def sha256(self, row: File) -> SafeString | str:
        """The digest that installers check."""
        return marks.mono(row.sha256)

    @admin.display(description="MD5")
    def md5_digest(self, row: File) -> SafeString | str:
        """The digest of old clients."""
        return marks.mono(row.md5)
