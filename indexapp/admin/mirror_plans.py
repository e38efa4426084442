"""Mirrors that copy their upstream by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts.domain.actors import Actor
from indexapp.admin.rows import administered_indexes, reach_for
from indexapp.domain.locks.targets import PLATFORMS
from indexapp.models import Index, MirrorPlan
from indexapp.services.mirrors import copying, plans
from tpi_site.kit.admin import Screen, marks
from tpi_site.kit.admin.fields import LinesField, NamedField, SizeField
from tpi_site.kit.admin.refusals import RefusableForm

_TONES = {MirrorPlan.State.IDLE: "good", MirrorPlan.State.COPYING: "accent"}
_SHOWN = 100  # names that were given up
_FILTERS = (
    *("include", "exclude", "newest", "with_wheels", "with_sdists", "with_prereleases"),
    *("platforms", "pythons", "max_file_size", "byte_budget"),
)


class PlanForm(RefusableForm):
    """What is copied and how often."""

    include = LinesField(
        required=False, help_text="Patterns of normalised names, one per line, such as acme-*. Empty: all."
    )
    exclude = LinesField(required=False, help_text="Patterns of names that are left out.")
    platforms = forms.MultipleChoiceField(
        choices=[(name, name) for name in PLATFORMS],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text="None ticked: all.",
    )
    pythons = LinesField(
        label="Versions of Python", required=False, help_text="One per line, such as 3.12. Empty: all."
    )
    max_file_size = SizeField(label="Largest file", required=False, help_text="Such as 500 MB. Empty: no limit.")
    byte_budget = SizeField(label="Budget", required=False, help_text="Of all files together. Empty: no limit.")

    class Meta:
        model = MirrorPlan
        fields = ("is_on", "newest", "with_wheels", "with_sdists", "with_prereleases", "every_minutes")
        labels = {"is_on": "Switched on", "newest": "Newest releases", "every_minutes": "Every, minutes"}
        help_texts = {
            "is_on": "Off: files come when somebody asks for them.",
            "newest": "Of how many releases of each project the files are copied. Empty: all.",
            "every_minutes": "How often the upstream's list is read.",
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.pk:
            own = ("include", "exclude", "platforms", "pythons", "max_file_size", "byte_budget")
            self.initial = {**self.initial, **{name: getattr(self.instance, name) for name in own}}


class NewPlanForm(PlanForm):
    """For a mirror that has none."""

    index = NamedField(Index.objects.none(), name_field="name", what="mirror", help_text="The mirror's name.")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        mirrors = administered_indexes(self.actor).filter(kind=Index.Kind.MIRROR)
        self.fields["index"].queryset = mirrors  # type: ignore[attr-defined]  # our NamedField


@admin.register(MirrorPlan)
class MirrorPlanScreen(Screen):
    """The plans of mirrors that the actor administers."""

    section, place, area = "Publishing", 71, "indexapp"
    menu_name = "Copies of upstreams"
    add_label = "Copy an upstream"
    empty_text = "No mirror that you administer copies its upstream by itself."
    list_display = ("mirror", "switch", "outcome", "message", "listed")
    list_select_related = ("index",)
    ordering = ("pk",)
    form = PlanForm
    add_form = NewPlanForm
    fieldsets = (
        (None, {"fields": ("mirror", "is_on", "every_minutes")}),
        ("How it stands", {"fields": ("outcome", "message", "waiting", "held", "listed", "cursor")}),
        ("Given up", {"fields": ("given_up",), "description": "Each is tried again once a week."}),
        ("What is copied", {"fields": _FILTERS}),
    )
    add_fieldsets = ((None, {"fields": ("index", "is_on", "every_minutes")}), ("What is copied", {"fields": _FILTERS}))
    readonly_fields = ("mirror", "outcome", "message", "waiting", "held", "listed", "cursor", "given_up")

    def rows(self, request: HttpRequest) -> QuerySet[MirrorPlan]:
        """Of mirrors that are administered as a whole."""
        return MirrorPlan.objects.select_related("index").filter(index__in=reach_for(request).whole_indexes())

    def may_add(self, request: HttpRequest) -> bool:
        """Who administers an index."""
        return reach_for(request).has_indexes

    def may_change(self, request: HttpRequest) -> bool:
        """Everybody, of the plans they see."""
        return True

    def add_row(self, actor: Actor, given: Mapping[str, Any]) -> MirrorPlan:
        """A plan for a mirror."""
        return plans.change(actor=actor, **given)

    def change_row(self, actor: Actor, row: MirrorPlan, given: Mapping[str, Any]) -> None:
        """Other filters, or the switch."""
        plans.change(actor=actor, index=row.index, **given)

    def related(self, request: HttpRequest, row: MirrorPlan) -> list[tuple[str, str]]:
        """The mirror."""
        return [("Index", marks.page_url(row.index))]

    @admin.display(description="Mirror")
    def mirror(self, row: MirrorPlan) -> str:
        """The index's name."""
        return row.index.name

    @admin.display(description="Switched")
    def switch(self, row: MirrorPlan) -> SafeString:
        """On or off."""
        return marks.badge("on", "good") if row.is_on else marks.badge("off")

    @admin.display(description="State")
    def outcome(self, row: MirrorPlan) -> SafeString:
        """How it stands."""
        return marks.badge(row.get_state_display(), _TONES.get(MirrorPlan.State(row.state), "bad"))

    @admin.display(description="Names waiting")
    def waiting(self, row: MirrorPlan) -> int:
        """Those to be copied now."""
        return copying.due_names(row)

    @admin.display(description="Names")
    def given_up(self, row: MirrorPlan) -> SafeString | str:
        """The first that could not be copied, with the reason; the REST API lists all."""
        found = copying.given_up(row)
        names = [f"{one}: {one.reason}" for one in found[:_SHOWN]]
        if not names:
            return "none"
        if more := found.count() - len(names):
            names.append(f"and {more} more, which the REST API lists")
        return marks.listed(names)

    @admin.display(description="Here")
    def held(self, row: MirrorPlan) -> SafeString | str:
        """The bytes of the mirror's files."""
        return marks.size(copying.held_bytes(row))

    @admin.display(description="List read")
    def listed(self, row: MirrorPlan) -> SafeString | str:
        """When the upstream's list was read."""
        return marks.when(row.listed_at)
