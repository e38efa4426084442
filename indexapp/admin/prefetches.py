"""Prefetches: begun with a list, and watched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from indexapp import permissions
from indexapp.admin.filters import IndexFilter
from indexapp.admin.rows import administered_indexes, reach_for
from indexapp.domain.locks.targets import PLATFORMS
from indexapp.models import Index, PrefetchItem, PrefetchJob
from indexapp.services.prefetch import asking, showing
from tpi_site.kit import small_bodies
from tpi_site.kit.admin import ConfirmedAction, ReadOnlyScreen, actor_of, freshness, marks
from tpi_site.kit.admin.fields import LinesField
from tpi_site.kit.admin.filters import choice_filter
from tpi_site.kit.errors import NotFound, Refusal

if TYPE_CHECKING:
    IndexChoice = forms.ModelChoiceField[Index]
else:
    IndexChoice = forms.ModelChoiceField

_TONES = {
    PrefetchJob.State.RUNNING: "accent",
    PrefetchJob.State.DONE: "good",
    PrefetchJob.State.FAILED: "bad",
    PrefetchJob.State.CANCELLED: "warn",
}
_SHOWN = 100
_OPTIONS = ("with_sdists", "is_pinning")


class BeginForm(forms.Form):
    """A list and the machines that it is for."""

    index = IndexChoice(Index.objects.none(), help_text="A mirror, or a group that has one.")
    file = forms.FileField(
        label="List",
        help_text=(
            "A requirements.txt, uv.lock, pylock.toml or poetry.lock of at most a MiB; larger ones go through the REST API or "
            "'manage.py prefetch'."
        ),
    )
    pythons = LinesField(label="Versions of Python", help_text="One per line, such as 3.12.")
    platforms = forms.MultipleChoiceField(
        choices=[(name, name) for name in PLATFORMS], widget=forms.CheckboxSelectMultiple
    )
    with_sdists = forms.BooleanField(
        label="Source distributions too", required=False, help_text="Else only where no wheel fits."
    )

    pins = forms.BooleanField(
        label="Pin the files",
        required=False,
        help_text="They stay though the mirror has no room any more, until 'manage.py mirror <name> --unpin'.",
    )

    def __init__(self, actor: Actor, data: Any = None, files: Any = None) -> None:
        initial = {"pythons": list(asking.DEFAULT_PYTHONS), "platforms": list(asking.DEFAULT_PLATFORMS)}
        super().__init__(data, files, initial=initial)
        choice = self.fields["index"]
        choice.queryset = administered_indexes(actor).exclude(kind=Index.Kind.HOSTED)  # type: ignore[attr-defined]  # our IndexChoice

    def asked(self) -> asking.Request:
        """The request; raises :class:`tpi_site.kit.errors.Invalid`."""
        given = self.cleaned_data
        content = given["file"].read(small_bodies.MOST + 1)
        return asking.Request(
            filename=given["file"].name,
            text=asking.as_text(content),
            pythons=given["pythons"],
            platforms=given["platforms"],
            with_sdists=given["with_sdists"],
            pins=given["pins"],
        )


def _may_cancel(actor: Actor, row: PrefetchJob) -> bool:
    return not row.is_over and Verb.ADMINISTER in permissions.verbs_on(actor, row.index)


class StateFilter(choice_filter("state", "state", "state", PrefetchJob.State.choices)):  # type: ignore[misc]  # made by a function
    """How they stand for who looks."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[PrefetchJob]) -> QuerySet[PrefetchJob]:
        """The rows that fit; an unknown word filters nothing."""
        value = self.value()
        return showing.in_state(actor_of(request), queryset, value) if value in self.conditions else queryset


@admin.register(PrefetchJob)
class PrefetchScreen(ReadOnlyScreen):
    """Prefetches into the indexes that the actor administers, the newest first."""

    section, place, area = "Publishing", 70, "indexapp"
    empty_text = "Nothing was prefetched in the last 30 days."
    list_display = ("name", "index", "outcome", "progress", "bytes", "begun", "created_by")
    list_filter = (IndexFilter, StateFilter)
    list_select_related = ("index",)
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("name", "index", "kind", "outcome", "message", "machines", *_OPTIONS, "created_by")}),
        ("How far it is", {"fields": ("progress", "bytes", "begun", "over"), "description": "Load the page anew."}),
        ("What was left out", {"fields": ("left_out",)}),
        ("What failed", {"fields": ("failures",)}),
    )
    confirmed_actions = (
        ConfirmedAction(
            name="cancel",
            label="Cancel",
            done="cancelled",
            question="Nothing more is fetched for it. What was fetched stays.",
            perform=lambda actor, row, _: asking.cancel(actor=actor, job=row),
            offered=_may_cancel,
        ),
    )

    def rows(self, request: HttpRequest) -> QuerySet[PrefetchJob]:
        """Of administered indexes; all for who watches the installation."""
        return asking.visible_to(actor_of(request))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The row as who looks is told of it."""
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            row.viewer = actor_of(request)
            showing.fit(row.viewer, [row])
        return row

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The page of the list, the same way."""
        page = super().get_changelist_instance(request)
        showing.fit(actor_of(request), page.result_list)
        return page

    def get_urls(self) -> list[URLPattern]:
        """One address more, which is about no row."""
        begin = self.admin_site.admin_view(self.begin_view)
        return [path("begin/", begin, name="indexapp_prefetchjob_begin"), *super().get_urls()]

    def list_links(self, request: HttpRequest) -> list[tuple[str, str]]:
        """For who administers an index."""
        return [("Prefetch a list", reverse("admin:indexapp_prefetchjob_begin"))] if self._may_begin(request) else []

    def _may_begin(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request) and reach_for(request).has_indexes and not self.only_looks(request)

    def begin_view(self, request: HttpRequest) -> HttpResponse:
        """Take a list, and let the job cluster fetch what it asks for."""
        if not self._may_begin(request):
            raise NotFound("Only who administers a mirror prefetches into it.")
        if (interruption := freshness.interruption(request)) is not None:
            return interruption
        actor = actor_of(request)
        form = BeginForm(actor, *((request.POST, request.FILES) if request.method == "POST" else ()))
        if form.is_bound and form.is_valid():
            try:
                job = asking.begin(actor=actor, index=form.cleaned_data["index"], request=form.asked())
            except Refusal as refusal:
                form.add_error(None, refusal.detail)
            else:
                self.message_user(request, "The job cluster fetches it; this page shows how it goes.", messages.SUCCESS)
                return HttpResponseRedirect(marks.page_url(job))
        request.current_app = self.admin_site.name
        context = {"title": "Prefetch a list", "list_url": self._list_url(), "form": form}
        return TemplateResponse(
            request, "admin/prefetch_begin.html", {**self.admin_site.each_context(request), **context}
        )

    @admin.display(description="State")
    def outcome(self, row: PrefetchJob) -> SafeString:
        """How it stands."""
        return marks.badge(row.get_state_display(), _TONES.get(PrefetchJob.State(row.state), ""))

    @admin.display(description="Progress")
    def progress(self, row: PrefetchJob) -> SafeString:
        """What is settled of what there is."""
        settled = row.done + row.failed
        words = f"{settled} of {row.total}" + (f", {row.failed} failed" if row.failed else "")
        return format_html('<progress max="{}" value="{}">{}</progress> {}', max(row.total, 1), settled, words, words)

    @admin.display(description="Fetched")
    def bytes(self, row: PrefetchJob) -> SafeString | str:
        """What was not here before."""
        return marks.size(row.fetched_bytes)

    @admin.display(description="Begun")
    def begun(self, row: PrefetchJob) -> SafeString | str:
        """When it was asked for."""
        return marks.when(row.created_at)

    @admin.display(description="Ended")
    def over(self, row: PrefetchJob) -> SafeString | str:
        """When it ended."""
        return marks.when(row.ended_at)

    @admin.display(description="For")
    def machines(self, row: PrefetchJob) -> str:
        """The targets."""
        return ", ".join(" on ".join(target) for target in row.targets)

    @admin.display(description="Lines")
    def left_out(self, row: PrefetchJob) -> SafeString | str:
        """Which lines of the list were not followed."""
        return marks.listed(row.notes) if row.notes else marks.NOTHING

    @admin.display(description="Files")
    def failures(self, row: Any) -> SafeString | str:
        """The first of them; the REST API lists all."""
        failed = showing.items(row.viewer, row).filter(told_state=PrefetchItem.State.FAILED)[:_SHOWN]
        return marks.listed(f"{item}: {showing.reason(item)}" for item in failed) if failed else marks.NOTHING
