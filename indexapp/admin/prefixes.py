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
from indexapp.services import roles
from tpi_site.kit.admin import ConfirmedAction, Screen, actor_of, marks
from tpi_site.kit.admin.fields import NamedField
from tpi_site.kit.admin.refusals import RefusableForm


class NewPrefixForm(RefusableForm):
    """A prefix for a team."""

    prefix = forms.CharField(  # type: ignore[assignment]  # a form's own prefix is set when it is made, and is not ours
        max_length=100, help_text="Such as 'acme': it keeps the name acme and those that begin with acme- for the team."
    )
    team = NamedField(Team.objects.all(), name_field="name", what="team", help_text="The team's name.")
    index = forms.ModelChoiceField(Index.objects.none(), required=False, empty_label="All indexes")

    class Meta:
        model = ReservedPrefix
        fields = ()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        own = Q(pk__in=administered_indexes(self.actor)) | Q(pk__in=Index.objects.permitting(self.actor, Verb.UPLOAD))
        self.fields["index"].queryset = Index.objects.filter(own).order_by("name")  # type: ignore[attr-defined]


@admin.register(ReservedPrefix)
class PrefixScreen(Screen):
    """Prefixes of the indexes that the actor administers; those that hold everywhere are the administrators'."""

    section, place, area = "Publishing", 50, "indexapp"
    empty_text = "No prefix is reserved. Reserve your company's, so that no outsider's name can look like yours."
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
        question="Then anybody who may create projects can begin names with it.",
        perform=lambda actor, row, _: roles.release_prefix(actor=actor, reserved=row),
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
        return managed_teams(actor_of(request), Membership.Place.MAINTAINER, Membership.Place.ADMIN)

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
