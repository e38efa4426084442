"""The rules of the policy, and what one does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from accounts.domain.actors import Actor
from accounts.models import AuditEntry
from indexapp.admin.filters import IndexFilter
from indexapp.admin.policy_forms import NewRuleForm, RuleForm
from indexapp.admin.rows import reach_for
from indexapp.domain.policy import written
from indexapp.models import PolicyRule
from indexapp.permissions import policy_rules_visible_to
from indexapp.services.policies import dry_runs, rights, rules
from tpi_site.kit.admin import ConfirmedAction, Screen, actor_of, marks
from tpi_site.kit.admin.actions import Confirmation, Tool
from tpi_site.kit.admin.filters import choice_filter
from tpi_site.kit.errors import Refusal

_TONES = {"allow": "good", "warn": "warn", "hold": "warn", "block": "bad", "hide": "bad"}

LEFT = "What is let through here may be kept back by these rules all the same, or by others that you may not see."


class PolicyScreen(Screen):
    """What all screens of the policy share: security officers act here, and do not only look."""

    area = "indexapp"
    stacks = True

    def only_looks(self, request: HttpRequest) -> bool:
        """Auditors look."""
        actor = actor_of(request)
        return bool(actor.changes_nothing or (actor.reads_everything and not actor.may_secure))

    def may_add(self, request: HttpRequest) -> bool:
        """Security officers, and who administers an index."""
        return bool(actor_of(request).may_secure) or reach_for(request).has_indexes

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The row, which tells what stays refused by what who looks may see."""
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            row.viewer = actor_of(request)
        return row

    @admin.display(description="On")
    def where(self, row: Any) -> str:
        """The index, or all."""
        return row.index.name if row.index else "all indexes"


class PlaceForm(Confirmation):
    """Asks for a place in the order."""

    position = forms.IntegerField(min_value=1, max_value=1_000_000, help_text="1 is asked first.")


@admin.register(PolicyRule)
class PolicyRuleScreen(PolicyScreen):
    """Rules, in the order in which they are asked; those of an index come before those of all."""

    section, place = "Publishing", 52
    empty_text = "There is no rule: everything that is published is let through."
    list_display = ("name", "where", "position", "does", "state", "says")
    list_filter = (IndexFilter, choice_filter("effect", "effect", "effect", PolicyRule.Effect.choices))
    list_select_related = ("index",)
    search_fields = ("name",)
    ordering = ("index__name", "position", "pk")
    form, add_form = RuleForm, NewRuleForm
    readonly_fields = ("where", "position", "says", "since_when", "created_by")
    confirmed_actions = (
        ConfirmedAction(
            name="move",
            label="Move",
            done="moved",
            question="The first rule that matches a file decides about it, so that the order matters.",
            perform=lambda actor, row, given: rules.move(actor=actor, rule=row, position=given["position"]),
            offered=lambda actor, row: rights.may_decide(actor, row.index),
            form=PlaceForm,
            is_bulk=False,
            needs_fresh_sign_in=True,
        ),
    )
    deletion = ConfirmedAction(
        name="delete",
        label="Remove",
        done="removed",
        question="What it keeps back is let through at once, and the exceptions from it and its reviews go with it.",
        perform=lambda actor, row, _: rules.remove(actor=actor, rule=row),
        offered=lambda actor, row: rights.may_decide(actor, row.index),
        is_dangerous=True,
        removes=True,
    )

    def rows(self, request: HttpRequest) -> QuerySet[PolicyRule]:
        """Rules of the indexes that the actor administers, and those of all."""
        return policy_rules_visible_to(actor_of(request)).select_related("index")

    def may_change(self, request: HttpRequest) -> bool:
        """As :meth:`may_add`; the service asks again, for the row."""
        return self.may_add(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the page is a form: for who decides about the row."""
        may = super().has_change_permission(request, obj)
        return may and (obj is None or rights.may_decide(actor_of(request), obj.index))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The parts of the form; where it only shows, the conditions are one sentence."""
        does = ("effect", "on_missing", "reason", "contact", "is_enabled")
        if obj is not None and not self.has_change_permission(request, obj):
            return ((None, {"fields": ("name", *self.readonly_fields, *does)}),)
        first = ("name", "index") if obj is None else ("name", "says", "where", "position", "since_when", "created_by")
        return (
            (None, {"fields": first}),
            (
                "Files",
                {"fields": ("projects", "sources", "versions", "younger_than_days", "kind", "larger_than", "yanked")},
            ),
            ("Vulnerabilities", {"fields": ("vulnerable", "min_severity", "advisories", "only_with_fix")}),
            (
                "Licence and origin",
                {
                    "fields": (
                        "licenses_allowed",
                        "licenses_denied",
                        "license_unknown",
                        "without_attestation",
                        "imports",
                    )
                },
            ),
            ("What happens", {"fields": does}),
        )

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:  # noqa: FBT001, FBT002  Django's signature
        """The form with its own fields, which are no columns."""
        form = super().get_form(request, obj, change=change, **{**options, "fields": RuleForm.Meta.fields})
        if obj is None:
            form.base_fields["on_missing"].required = False
        return form

    def add_row(self, actor: Actor, given: Mapping[str, Any]) -> PolicyRule:
        """Add the rule."""
        names = ("name", "effect", "conditions", "on_missing", "reason", "contact", "is_enabled")
        return rules.create(actor=actor, index=given["index"], **{name: given[name] for name in names})

    def change_row(self, actor: Actor, row: PolicyRule, given: Mapping[str, Any]) -> None:
        """Change the rule."""
        rules.change(actor=actor, rule=row, **given)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        """Say at once where the rule does other than one may think."""
        super().save_model(request, obj, form, change)
        row = self.rows(request).filter(pk=obj.pk).first()
        if row is not None and (warning := rules.warning_of(row)):
            self.message_user(request, warning, messages.WARNING)

    def get_urls(self) -> list[URLPattern]:
        """One address more: what it does."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_dryrun"
        view = self.admin_site.admin_view(self.dry_run_view)
        return [path("<path:object_id>/dry-run/", view, name=name), *super().get_urls()]

    def dry_run_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What the rule keeps back, or would if it were enabled, by project, team and recent downloads."""
        row = self.get_object(request, unquote(object_id)) if self.has_view_permission(request) else None
        if row is None:
            return self.missing(request)
        request.current_app = self.admin_site.name
        others = PolicyRule.objects.filter(pk=row.pk, is_enabled=True).exists()
        context = {
            **self.admin_site.each_context(request),
            "title": f"What it does: {row.name}",
            "opts": self.opts,
            "row": row,
            "sentence": _sentence(row),
            "is_in_force": others,
            "report": dry_runs.dry_run(row, actor_of(request)),
            "most": dry_runs.MOST_PROJECTS,
            "days": dry_runs.RECENT_DAYS,
            "back_url": self._row_url(object_id),
            "list_url": self._list_url(),
        }
        return TemplateResponse(request, "admin/policy_dry_run.html", context)

    def tools(self, request: HttpRequest, row: Any) -> list[Tool]:
        """What it does, first."""
        return [Tool("What it does", self._url("dryrun", quote(row.pk))), *super().tools(request, row)]

    def history_url(self, row: PolicyRule) -> str:
        """What was done to it."""
        return marks.list_url(AuditEntry, object_type="policyrule", object_name=str(row))

    @admin.display(description="Effect")
    def does(self, row: PolicyRule) -> SafeString:
        """In a word."""
        return marks.badge(row.effect, _TONES[row.effect])

    @admin.display(description="State")
    def state(self, row: PolicyRule) -> SafeString:
        """Whether it holds."""
        return marks.badge("holds", "good") if row.is_enabled else marks.badge("off")

    @admin.display(description="In words")
    def says(self, row: PolicyRule) -> str:
        """The rule in a sentence."""
        return _sentence(row)

    @admin.display(description="As it is since")
    def since_when(self, row: PolicyRule) -> SafeString | str:
        """When it began to hold like that."""
        return marks.when(row.since)


def _sentence(row: PolicyRule) -> str:
    try:
        read = written.read(row.conditions)
    except Refusal:
        return "This rule cannot be read; it holds for all files if it refuses."
    return written.summary(rules.effect_of(row), read, matches_missing=row.on_missing == PolicyRule.OnMissing.MATCH)
