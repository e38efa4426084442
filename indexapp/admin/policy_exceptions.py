"""Exceptions from the policy, and the broken glass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

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

_MAY = (
    "You may grant exceptions from the rules of the indexes that you administer, and break the glass on these. "
    "Exceptions from rules of all indexes, and from every rule, are for security officers and administrators of the instance."
)


class NewExceptionForm(RefusableForm):
    """An exception, or the glass broken for a day; who is no security officer is offered what they may do."""

    concerns: ClassVar[Mapping[str, str]] = {
        "rule-elsewhere": "index",
        "expiry-invalid": "expires_at",
        "reason-needed": "reason",
        "name-invalid": "project",
        "name-too-long": "project",
        "versions-invalid": "versions",
        "security-officer-needed": "is_break_glass",
    }
    index = forms.ModelChoiceField(
        PolicyRule.objects.none(), required=False, empty_label="All indexes", help_text="Where it holds."
    )
    rule = forms.ModelChoiceField(
        PolicyRule.objects.none(), required=False, empty_label="Every rule", help_text="Which rule does not hold then."
    )
    expires_at = forms.DateTimeField(
        required=False, label="Until", help_text=f"UTC, such as 2026-12-31 12:00; at most {exceptions.MAX_DAYS} days."
    )
    is_break_glass = forms.BooleanField(
        required=False,
        label="Break the glass",
        help_text=f"From every rule and for {exceptions.BREAK_GLASS_HOURS} hours, whatever is said above; an alarm rings.",
    )

    class Meta:
        model = PolicyException
        fields = ("project", "versions", "reason")
        help_texts: ClassVar = {
            "project": "Its name, not a pattern.",
            "versions": "Such as >=1.2,<2. Empty: all.",
            "reason": "It is kept in the audit log.",
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "versions" not in self.fields:  # the page only shows
            return
        offer_indexes(self)
        rules: Any = self.fields["rule"]
        rules.queryset = policy_rules_visible_to(self.actor).select_related("index").order_by("name")
        if not self.actor.may_secure:
            self._offer_own(rules)

    def _offer_own(self, rules: Any) -> None:
        """Rules of the actor's indexes, and these indexes for the glass alone: a rule's exception holds on its index."""
        index: Any = self.fields["index"]
        index.required, index.empty_label = False, "The rule's"
        index.help_text = "Needed only where the glass is broken."
        rules.queryset = rules.queryset.filter(index__in=index.queryset)
        rules.empty_label = "Choose a rule"
        if not rules.queryset.exists():
            rules.empty_label = "None"
            rules.help_text = (
                "Your indexes have no rules of their own: you may break the glass, or ask a security officer."
            )

    def clean(self) -> dict[str, Any] | None:
        """An end is needed, unless the glass is broken; and what it holds for, from who may not say 'everything'."""
        values = super().clean() or {}
        is_broken = values.get("is_break_glass")
        if not values.get("expires_at") and not is_broken and "expires_at" not in self.errors:
            self.add_error("expires_at", "Say until when, or break the glass.")
        if not self.actor.may_secure:
            if is_broken and values.get("index") is None and "index" not in self.errors:
                self.add_error("index", "Choose the index on which the glass is broken.")
            if not is_broken and values.get("rule") is None and "rule" not in self.errors:
                self.add_error("rule", "Choose a rule; exceptions from every rule are for security officers.")
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
        """With what who is no security officer may do, and who may do more; of one, for who decides, what it leaves refused."""
        found, actor = super().get_fieldsets(request, obj), actor_of(request)
        if obj is None:
            return found if actor.may_secure else tuple((name, {**part, "description": _MAY}) for name, part in found)
        is_told = obj.is_in_force and rights.may_decide(actor, obj.index)  # it tells of rules elsewhere
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
    def left(self, row: Any) -> str:
        """Those that keep files of it back all the same."""
        return ", ".join(left_refused.still_refused(row, row.viewer)) or marks.NOTHING

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
