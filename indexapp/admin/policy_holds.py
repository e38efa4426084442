"""What the policy holds back for a review."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts.domain.actors import Actor
from accounts.models import AuditEntry
from indexapp.admin.filters import IndexFilter
from indexapp.admin.policies import LEFT, PolicyScreen
from indexapp.models import PolicyHold
from indexapp.permissions import policy_holds_visible_to
from indexapp.services.policies import holds, left_refused
from tpi_site.kit.admin import ConfirmedAction, actor_of, marks
from tpi_site.kit.admin.actions import Reason
from tpi_site.kit.admin.filters import choice_filter

_STATES = {"pending": "warn", "approved": "good", "rejected": "bad"}


def _decision(*, approve: bool) -> Any:
    def perform(actor: Actor, row: PolicyHold, given: Mapping[str, Any]) -> None:
        holds.decide(actor=actor, hold=row, approve=approve, reason=given["reason"])

    return perform


@admin.register(PolicyHold)
class PolicyHoldScreen(PolicyScreen):
    """What waits for a review, and what came of reviews."""

    section, place = "Publishing", 54
    empty_text = "Nothing was held back for a review."
    list_display = ("name", "index", "of_rule", "verdict", "held", "asked_by", "decided_by")
    list_filter = (IndexFilter, choice_filter("state", "state", "state", PolicyHold.State.choices))
    list_select_related = ("index", "rule")
    search_fields = ("=project",)
    search_help_text = "A whole name of a project, as it is normalised."
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("name", "index", "of_rule", "held", "asked_by")}),
        ("Review", {"fields": ("verdict", "decided_by", "decided", "reason")}),
    )
    for_who_decides = (("Still refused", {"fields": ("left",), "description": LEFT}),)
    confirmed_actions = (
        ConfirmedAction(
            name="approve",
            label="Approve",
            done="approved",
            question="The rule lets the release through from now on; other rules are asked all the same.",
            perform=_decision(approve=True),
            form=Reason,
            needs_fresh_sign_in=True,
            offered=lambda actor, row: row.state != PolicyHold.State.APPROVED and holds.may_decide(actor, row),
        ),
        ConfirmedAction(
            name="reject",
            label="Reject",
            done="rejected",
            question="The release stays refused, and who asks for it is told that somebody has looked at it.",
            perform=_decision(approve=False),
            form=Reason,
            offered=lambda actor, row: row.state != PolicyHold.State.REJECTED and holds.may_decide(actor, row),
            is_dangerous=True,
        ),
    )

    def may_add(self, request: HttpRequest) -> bool:
        """Nobody: what is asked for comes by itself."""
        return False

    def rows(self, request: HttpRequest) -> QuerySet[PolicyHold]:
        """Those on the indexes that the actor administers."""
        return policy_holds_visible_to(actor_of(request)).select_related("index", "rule__index")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """For who decides about it also what an approval leaves refused."""
        found = super().get_fieldsets(request, obj)
        is_told = obj is not None and holds.may_decide(actor_of(request), obj)
        return (*found, *self.for_who_decides) if is_told else found

    def history_url(self, row: PolicyHold) -> str:
        """What was done to it."""
        return marks.list_url(AuditEntry, object_type="policyhold", object_name=str(row))

    @admin.display(description="What")
    def name(self, row: PolicyHold) -> str:
        """Project and version."""
        return str(row)

    @admin.display(description="Held by")
    def of_rule(self, row: PolicyHold) -> str:
        """The rule."""
        return row.rule.name

    @admin.display(description="Rules")
    def left(self, row: Any) -> str:
        """Those that keep files of the release back also when it is approved."""
        return ", ".join(left_refused.after_approval(row, row.viewer)) or marks.NOTHING

    @admin.display(description="State")
    def verdict(self, row: PolicyHold) -> SafeString:
        """What was decided."""
        return marks.badge(row.get_state_display().lower(), _STATES[row.state])

    @admin.display(description="Since")
    def held(self, row: PolicyHold) -> SafeString | str:
        """When it was first asked for."""
        return marks.when(row.held_at)

    @admin.display(description="Decided")
    def decided(self, row: PolicyHold) -> SafeString | str:
        """When."""
        return marks.when(row.decided_at)
