"""Quotas of indexes and teams: how full each is, and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.domain.actors import Actor
from accounts.models import Team
from accounts.permissions import managed_teams
from indexapp.admin.rows import reach_for
from indexapp.models import Quota
from indexapp.services import quota_settings
from tpi_site.kit.admin import Screen, actor_of, entrance, marks
from tpi_site.kit.admin.fields import NamedField, SizeField
from tpi_site.kit.admin.refusals import RefusableForm

_AREAS = {"indexapp", "accounts"}


class QuotaForm(RefusableForm):
    """The limits."""

    soft_limit = SizeField(
        label="Soft limit", required=False, help_text="Such as 80 GiB: an alarm rings once when more is in use."
    )
    hard_limit = SizeField(
        label="Hard limit",
        required=False,
        help_text="Uploads beyond it are refused; everything else goes on. Empty: no limit.",
    )

    class Meta:
        model = Quota
        fields = ()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.pk:
            self.initial = {
                **self.initial,
                "soft_limit": self.instance.soft_limit,
                "hard_limit": self.instance.hard_limit,
            }


class NewQuotaForm(QuotaForm):
    """Limits for a team that has none yet; an index always has an account."""

    team = NamedField(Team.objects.all(), name_field="name", what="team", help_text="The team's name.")


@admin.register(Quota)
class QuotaScreen(Screen):
    """The accounts of indexes that the actor administers and of teams that they look after."""

    section, place, area = "Publishing", 60, "indexapp"
    empty_text = "No index that you administer, and no team that you look after, has an account yet."
    list_display = ("holder", "bar", "in_use", "soft", "hard")
    list_select_related = ("index", "team")
    search_fields = ("index__name", "team__name")
    ordering = ("pk",)
    form = QuotaForm
    add_form = NewQuotaForm
    fieldsets = (
        (None, {"fields": ("holder", "bar", "in_use")}),
        ("Limits", {"fields": ("soft_limit", "hard_limit")}),
    )
    add_fieldsets = ((None, {"fields": ("team", "soft_limit", "hard_limit")}),)
    readonly_fields = ("holder", "bar", "in_use")

    def rows(self, request: HttpRequest) -> QuerySet[Quota]:
        """All for who watches the installation; else those that the actor has to keep."""
        actor, reach = actor_of(request), reach_for(request)
        found = Quota.objects.select_related("index", "team")
        if actor.sees_operation:
            return found
        return found.filter(Q(index__in=reach.indexes) | Q(team__in=managed_teams(actor)))

    def has_module_permission(self, request: HttpRequest) -> bool:
        """In the menu of who keeps an index or a team, and of operators."""
        is_near = bool(_AREAS & entrance.areas_of(request)) or bool(actor_of(request).sees_operation)
        return self.has_view_permission(request) and is_near

    def may_add(self, request: HttpRequest) -> bool:
        """Who runs the installation."""
        return bool(actor_of(request).may_operate)

    def may_change(self, request: HttpRequest) -> bool:
        """As :meth:`may_add`."""
        return bool(actor_of(request).may_operate)

    def add_row(self, actor: Actor, given: Mapping[str, Any]) -> Quota:
        """Limits for a team."""
        limits = {name: given[name] for name in ("soft_limit", "hard_limit")}
        return quota_settings.set_limits(actor=actor, holder=given["team"], **limits)

    def change_row(self, actor: Actor, row: Quota, given: Mapping[str, Any]) -> None:
        """Other limits."""
        quota_settings.set_limits(actor=actor, holder=quota_settings.holder_of(row), **given)

    def related(self, request: HttpRequest, row: Quota) -> list[tuple[str, str]]:
        """The index or the team."""
        return [("Index", marks.page_url(row.index))] if row.index else []

    @admin.display(description="Of")
    def holder(self, row: Quota) -> str:
        """Whose account it is."""
        return str(row)

    @admin.display(description="Full")
    def bar(self, row: Quota) -> SafeString | str:
        """How much of the hard limit, or else of the soft one, is in use."""
        limit = row.hard_limit or row.soft_limit
        if limit is None:
            return marks.NOTHING
        share = min(row.used / limit, 1)
        low = min(row.soft_limit or limit, limit) / limit
        meter = '<meter min="0" max="1" low="{}" high="{}" optimum="0" value="{}" title="{}">{}</meter> {}'
        words = f"{row.used / limit:.0%}"
        return format_html(meter, f"{low:.4f}", f"{max(low, 0.999):.4f}", f"{share:.4f}", words, words, words)

    @admin.display(description="In use")
    def in_use(self, row: Quota) -> SafeString | str:
        """The bytes of its files, the trash included."""
        return marks.size(row.used)

    @admin.display(description="Soft limit")
    def soft(self, row: Quota) -> SafeString | str:
        """Where the alarm rings."""
        return marks.size(row.soft_limit)

    @admin.display(description="Hard limit")
    def hard(self, row: Quota) -> SafeString | str:
        """Where uploads are refused."""
        return marks.size(row.hard_limit)
