"""Prefixes of names that are kept for a team."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from accounts.models import Membership, Team
from accounts.permissions import managed_teams
from indexapp.admin.filters import IndexFilter
from indexapp.admin.rows import administered_indexes, reach_for
from indexapp.models import Index, ReservedPrefix
from indexapp.services import prefix_holders, prefix_rules, roles
from tpi_site.kit.admin import ConfirmedAction, Screen, actor_of, entrance, marks
from tpi_site.kit.admin.refusals import RefusableForm
from tpi_site.kit.errors import Refusal

_PLACES = (Membership.Place.MAINTAINER, Membership.Place.ADMIN)
_NAME = forms.TextInput(attrs={"autocapitalize": "off", "autocomplete": "off", "spellcheck": "false"})
_AREAS = {"indexapp", "accounts"}
_ON_AN_INDEX = (
    f"One that you administer; or for a team of yours one on which the team holds upload as a whole: then with at least "
    f"{prefix_rules.SHORTEST} characters, and meeting neither projects of others nor another team's prefix."
)


class NewPrefixForm(RefusableForm):
    """A prefix for a team; others than administrators of the instance choose one index."""

    prefix = forms.CharField(  # type: ignore[assignment]  # a form's own prefix is set when it is made, and is not ours
        max_length=100,
        help_text=(
            "Such as 'acme': from now on only people of the team, and administrators of the instance, make projects named acme "
            "or with a name that begins with acme-. Projects that are there stay."
        ),
    )
    team = forms.CharField(max_length=64, widget=_NAME)
    index = forms.ModelChoiceField(Index.objects.none(), required=False, empty_label="All indexes")

    class Meta:
        model = ReservedPrefix
        fields = ()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if not self.actor.may_administer_instance:
            self.fields["index"].required = True
            self.fields["index"].empty_label = "Choose an index"  # type: ignore[attr-defined]  # a choice of rows
            self.fields["index"].help_text = _ON_AN_INDEX
        own = Q(pk__in=administered_indexes(self.actor)) | Q(pk__in=Index.objects.permitting(self.actor, Verb.UPLOAD))
        self.fields["index"].queryset = Index.objects.filter(own).order_by("name")  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any] | None:
        """The team is looked for when all else is right; a refusal is the form's error, so that what is written stays."""
        values = super().clean() or {}
        name = values.pop("team", "")
        if not self.errors:
            try:
                values["team"] = prefix_holders.named(
                    actor=self.actor, team=name, prefix=values["prefix"], index=values.get("index")
                )
            except Refusal as refusal:
                self.add_error("team", refusal.detail)
        return values


@admin.register(ReservedPrefix)
class PrefixScreen(Screen):
    """Prefixes on the indexes that the actor administers, and those of the teams that they look after."""

    section, place, area = "Publishing", 50, "indexapp"
    empty_text = (
        "No prefix is reserved on an index of yours or for a team of yours. Reserve one, so that nobody outside the team can "
        "make a project whose name looks like the team's."
    )
    list_display = ("prefix", "team", "where", "since")
    list_filter = (IndexFilter,)
    list_select_related = ("team", "index")
    search_fields = ("prefix", "team__name")
    ordering = ("prefix", "pk")
    form = add_form = NewPrefixForm
    fieldsets = ((None, {"fields": ("prefix", "team", "where", "since")}),)
    add_fieldsets = ((None, {"fields": ("prefix", "team", "index")}),)
    deletion = ConfirmedAction(
        name="delete",
        label="Give free",
        done="given free",
        question=(
            "Then whoever may make projects can begin names with it, unless another prefix that is reserved holds them back."
        ),
        perform=lambda actor, row, _: roles.release_prefix(actor=actor, reserved=row),
        offered=prefix_rules.may_release,
        is_dangerous=True,
        removes=True,
    )

    def rows(self, request: HttpRequest) -> QuerySet[ReservedPrefix]:
        """Prefixes on indexes administered as a whole, and those of teams that the actor looks after."""
        reach = reach_for(request)
        found = ReservedPrefix.objects.select_related("team", "index")
        if reach.everywhere:
            return found
        return found.filter(Q(index__in=reach.indexes) | Q(team__in=self._teams(request)))

    def _teams(self, request: HttpRequest) -> QuerySet[Team]:
        return managed_teams(actor_of(request), *_PLACES)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """In the menu of who administers something, and of who looks after a team."""
        return self.has_view_permission(request) and bool(_AREAS & entrance.areas_of(request))

    def may_add(self, request: HttpRequest) -> bool:
        """Who administers an index as a whole, and who looks after a team."""
        return reach_for(request).has_indexes or self._teams(request).exists()

    def add_row(self, actor: Actor, given: Mapping[str, Any]) -> ReservedPrefix:
        """Reserve the prefix."""
        return roles.reserve_prefix(actor=actor, team=given["team"], prefix=given["prefix"], index=given["index"])

    @admin.display(description="On")
    def where(self, row: ReservedPrefix) -> str:
        """The index, or all."""
        return row.index.name if row.index else "all indexes"

    @admin.display(description="Since")
    def since(self, row: ReservedPrefix) -> SafeString | str:
        """When it was reserved."""
        return marks.when(row.created_at)
