"""Exceptions from the policy, and the broken glass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts.domain.actors import Actor
from accounts.models import AuditEntry
from indexapp.admin.filters import IndexFilter
from indexapp.admin.policies import LEFT, PolicyScreen
from indexapp.admin.policy_forms import offer_indexes
from indexapp.models import PolicyException, PolicyRule
from indexapp.permissions import policy_exceptions_visible_to, policy_rules_visible_to
from indexapp.services.policies import exceptions, left_refused, rights
from tpi_site.kit.admin import ConfirmedAction, actor_of, marks
from tpi_site.kit.admin.refusals import RefusableForm


class NewExceptionForm(RefusableForm):
    """An exception, or the glass broken for a day."""

    index = forms.ModelChoiceField(PolicyRule.objects.none(), required=False, empty_label="All indexes")
    rule = forms.ModelChoiceField(PolicyRule.objects.none(), required=False, empty_label="Every rule")
    expires_at = forms.DateTimeField(required=False, label="Until", help_text="UTC, such as 2026-12-31 12:00.")
    is_break_glass = forms.BooleanField(
        required=False,
        label="Break the glass",
        help_text=f"From every rule and for {exceptions.BREAK_GLASS_HOURS} hours, whatever is said above; an alarm rings.",
    )

    class Meta:
        model = PolicyException
        fields = ("project", "versions", "reason")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "versions" not in self.fields:  # the page only shows
            return
        offer_indexes(self)
        self.fields["rule"].queryset = policy_rules_visible_to(self.actor).order_by("name")  # type: ignore[attr-defined]  # a choice of rows
        self.fields["versions"].help_text = "Such as >=1.2,<2. Empty: all."

    def clean(self) -> dict[str, Any] | None:
        """An end is needed, unless the glass is broken."""
        values = super().clean() or {}
        if not values.get("expires_at") and not values.get("is_break_glass"):
            self.add_error("expires_at", "Say until when, or break the glass.")
        return values


@admin.register(PolicyException)
class PolicyExceptionScreen(PolicyScreen):
    """Exceptions, the latest first, with those that have ended."""

    section, place = "Publishing", 53
    empty_text = "No exception was ever granted."
    list_display = ("project", "versions", "where", "of_rule", "state", "end", "created_by", "reason")
    list_filter = (IndexFilter,)
    list_select_related = ("index", "rule")
    search_fields = ("=project",)
    search_help_text = "A whole name of a project, as it is normalised."
    ordering = ("-pk",)
    form = add_form = NewExceptionForm
    fieldsets = (
        (None, {"fields": ("project", "versions", "where", "of_rule", "reason")}),
        ("Time", {"fields": ("state", "end", "created_by", "revoked_by")}),
    )
    for_who_decides = (("Still refused", {"fields": ("left",), "description": LEFT}),)
    add_fieldsets = (
        (None, {"fields": ("project", "versions", "index", "rule", "reason", "expires_at", "is_break_glass")}),
    )
    confirmed_actions = (
        ConfirmedAction(
            name="revoke",
            label="Revoke",
            done="revoked",
            question="What it let through is kept back again at once.",
            perform=lambda actor, row, _: exceptions.revoke(actor=actor, exception=row),
            offered=lambda actor, row: row.is_in_force and rights.may_decide(actor, row.index),
        ),
    )

    def rows(self, request: HttpRequest) -> QuerySet[PolicyException]:
        """Those on the indexes that the actor administers, and those on all."""
        return policy_exceptions_visible_to(actor_of(request)).select_related("index", "rule__index")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """For who decides about it also what it leaves refused, which tells of rules elsewhere."""
        found = super().get_fieldsets(request, obj)
        is_told = obj is not None and obj.is_in_force and rights.may_decide(actor_of(request), obj.index)
        return (*found, *self.for_who_decides) if is_told else found

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:  # noqa: FBT001, FBT002  Django's signature
        """The form with its own fields."""
        return super().get_form(request, obj, change=change, **{**options, "fields": NewExceptionForm.Meta.fields})

    def add_row(self, actor: Actor, given: Mapping[str, Any]) -> PolicyException:
        """Grant it, or break the glass."""
        values = {name: given[name] for name in ("index", "project", "versions", "reason")}
        if given["is_break_glass"]:
            return exceptions.break_glass(actor=actor, **values)
        return exceptions.grant(actor=actor, rule=given["rule"], expires_at=given["expires_at"], **values)

    def history_url(self, row: PolicyException) -> str:
        """What was done to it."""
        return marks.list_url(AuditEntry, object_type="policyexception", object_name=str(row))

    @admin.display(description="From")
    def of_rule(self, row: PolicyException) -> str:
        """The rule."""
        return row.rule.name if row.rule else "every rule"

    @admin.display(description="Rules")
    def left(self, row: PolicyException) -> str:
        """Those that keep files of it back all the same."""
        return ", ".join(left_refused.still_refused(row)) or marks.NOTHING

    @admin.display(description="State")
    def state(self, row: PolicyException) -> SafeString:
        """Whether it holds, and whether the glass was broken."""
        if row.is_in_force:
            return marks.badge("glass broken", "bad") if row.is_break_glass else marks.badge("holds", "warn")
        return marks.badge("revoked" if row.revoked_at else "ended")

    @admin.display(description="Until")
    def end(self, row: PolicyException) -> SafeString | str:
        """When it ends or ended."""
        return marks.when(row.revoked_at or row.expires_at)
