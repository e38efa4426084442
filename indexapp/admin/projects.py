"""Projects and their states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from indexapp import permissions
from indexapp.admin.filters import IndexFilter, project_value
from indexapp.admin.rows import administered_indexes, parts_for, reach_for
from indexapp.admin.trash import fate
from indexapp.models import Change, File, Index, Project, Release, Role, Trashed
from indexapp.services import projects, search
from tpi_site.kit.admin import ConfirmedAction, Reason, Screen, TypedName, marks
from tpi_site.kit.admin.cards import counted
from tpi_site.kit.admin.filters import choice_filter
from tpi_site.kit.admin.refusals import RefusableForm

Status = Project.Status
STATUS_TONES = {
    Status.ACTIVE: "good",
    Status.ARCHIVED: "",
    Status.DEPRECATED: "warn",
    Status.QUARANTINED: "bad",
}


class NewProjectForm(RefusableForm):
    """A name in an index, before anything is published under it."""

    index = forms.ModelChoiceField(Index.objects.none(), help_text="Hosted indexes that you administer.")
    name = forms.CharField(max_length=128, help_text="As people should read it. Uploads in any spelling of it count.")

    class Meta:
        model = Project
        fields = ()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        found = administered_indexes(self.actor).filter(kind=Index.Kind.HOSTED)
        self.fields["index"].queryset = found.order_by("name")  # type: ignore[attr-defined]  # it is a choice of rows


def _becomes(status: Status) -> Any:
    def perform(actor: Actor, project: Project, given: Mapping[str, Any]) -> None:
        projects.set_status(actor=actor, project=project, status=status, reason=given.get("reason", ""))

    return perform


def _may_quarantine(actor: Actor, project: Project) -> bool:
    return actor.may_secure or Verb.ADMINISTER in permissions.verbs_on(actor, project.index)


def _may_clear(actor: Actor, project: Project) -> bool:
    if project.status == Status.QUARANTINED:
        return _may_quarantine(actor, project)
    return project.status != Status.ACTIVE and Verb.ADMINISTER in permissions.verbs_on(actor, project.index, project)


def _unless(status: Status) -> Any:
    return lambda _, project: project.status not in (status, Status.QUARANTINED)


@admin.register(Project)
class ProjectScreen(Screen):
    """Projects that the actor administers."""

    section, place, area = "Publishing", 20, "indexapp"
    empty_text = "There are no projects yet. The first upload of a name makes its project; or make an empty one."
    list_display = ("name", "index", "state", "release_count", "total", "about")
    list_filter = (IndexFilter, choice_filter("status", "status", "status", Status.choices, usual=Status.ACTIVE))
    list_select_related = ("index",)
    search_fields = ("name",)  # shows the search box; the search itself is full text
    search_help_text = "Words of name or summary; the last one may be unfinished."
    ordering = ("normalized_name", "pk")
    needs_fresh_sign_in = False  # an empty project gives nobody anything
    form = add_form = NewProjectForm
    add_fieldsets = ((None, {"fields": ("index", "name")}),)
    fieldsets = (
        (None, {"fields": ("name", "index", "about")}),
        ("State", {"fields": ("state", "status_reason")}),
        ("Figures", {"fields": ("total", "since", "last_serial")}),
    )
    confirmed_actions = (
        ConfirmedAction(
            name="archive",
            label="Archive",
            done="archived",
            question="Everything stays to be installed, marked as no longer worked on; uploads are refused.",
            perform=_becomes(Status.ARCHIVED),
            form=Reason,
            offered=_unless(Status.ARCHIVED),
        ),
        ConfirmedAction(
            name="deprecate",
            label="Deprecate",
            done="deprecated",
            question="Everything stays to be installed, marked as obsolete; say in the reason what to use instead.",
            perform=_becomes(Status.DEPRECATED),
            form=Reason,
            offered=_unless(Status.DEPRECATED),
        ),
        ConfirmedAction(
            name="quarantine",
            label="Quarantine",
            done="quarantined",
            question="Nothing of it can be installed or published until it is cleared. Nothing is deleted.",
            perform=_becomes(Status.QUARANTINED),
            form=Reason,
            permission="secure",
            offered=lambda actor, row: row.status != Status.QUARANTINED and _may_quarantine(actor, row),
            is_dangerous=True,
        ),
        ConfirmedAction(
            name="clear",
            label="Make active again",
            done="made active",
            question="The mark and its reason go; installing and publishing work as before.",
            perform=_becomes(Status.ACTIVE),
            permission="secure",
            offered=_may_clear,
            needs_fresh_sign_in=True,
        ),
    )
    deletion = ConfirmedAction(
        name="delete",
        label="Delete",
        done="deleted",
        question=fate(
            "It goes with all its releases and files",
            "The names of its files stay refused. To stop its use without loss, quarantine it.",
        ),
        perform=lambda actor, project, _: projects.delete(actor=actor, project=project),
        form=TypedName,
        extent=lambda project: f"It has {counted(project.releases, 'release')} and {counted(project.files, 'file')}.",
        is_dangerous=True,
        is_bulk=False,
        removes=True,
        needs_fresh_sign_in=True,
    )

    def rows(self, request: HttpRequest) -> QuerySet[Project]:
        """Projects administered, with their index."""
        return reach_for(request).cast(Project.objects.select_related("index"), "index", "pk")

    def parts(self, request: HttpRequest) -> list[Q]:
        """Those of whole indexes, and single ones."""
        return parts_for(request, "index", "pk")

    def may_add(self, request: HttpRequest) -> bool:
        """Who administers an index as a whole."""
        return reach_for(request).has_indexes

    def add_row(self, actor: Actor, given: Mapping[str, Any]) -> Project:
        """Make an empty project."""
        return projects.create(actor=actor, index=given["index"], name=given["name"])

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """The product's own full-text search."""
        if not search_term.strip():
            return queryset, False
        return search.matching(queryset, search_term), False

    def enrich(self, rows: list[Any]) -> list[Any]:
        """Count the releases of the page's projects in one query."""
        found = Release.objects.filter(project__in=[row.pk for row in rows]).order_by()
        counts = dict(found.values_list("project").annotate(Count("pk")))
        for row in rows:
            row.releases_found = counts.get(row.pk, 0)
        return rows

    def history_url(self, row: Project) -> str:
        """What happened to the project."""
        return marks.list_url(Change, project=project_value(row))

    def related(self, request: HttpRequest, row: Project) -> list[tuple[str, str]]:
        """What belongs to the project."""
        value = project_value(row)
        return [
            ("Public page", reverse("browse:project", args=[row.index.name, row.normalized_name])),
            ("Releases", marks.list_url(Release, project=value)),
            ("Files", marks.list_url(File, project=value)),
            ("Roles", marks.list_url(Role, project=value)),
            ("Trash", marks.list_url(Trashed, q=row.normalized_name)),
        ]

    @admin.display(description="Status")
    def state(self, row: Project) -> SafeString:
        """The status as a word."""
        return marks.badge(row.status, STATUS_TONES[Status(row.status)])

    @admin.display(description="Releases")
    def release_count(self, row: Any) -> int:
        """How many releases there are."""
        return int(row.releases_found)

    @admin.display(description="Size")
    def total(self, row: Project) -> SafeString | str:
        """The bytes of all files."""
        return marks.size(row.total_size)

    @admin.display(description="Summary")
    def about(self, row: Project) -> str:
        """What the latest release says of itself."""
        return row.summary or marks.NOTHING

    @admin.display(description="Since")
    def since(self, row: Project) -> SafeString | str:
        """When the name came into the index."""
        return marks.when(row.created_at)
