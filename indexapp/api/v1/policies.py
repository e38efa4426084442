"""``/policy-rules/``, ``/policy-exceptions/`` and ``/policy-holds/``: what indexes let through."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.bodies import FlagField, NoBodySerializer, NumberField, ReasonSerializer, StrictSerializer, TextField
from accounts.api.filtering import Filters, FlagFilter
from accounts.api.resources import Resource, gone, made
from indexapp.api.v1 import access
from indexapp.api.v1.dry_run_reports import DryRunSerializer
from indexapp.domain.policy import written
from indexapp.domain.policy.effects import Effect
from indexapp.models import Index, PolicyException, PolicyHold, PolicyRule
from indexapp.permissions import policy_exceptions_visible_to, policy_holds_visible_to, policy_rules_visible_to
from indexapp.services.policies import dry_runs, exceptions, holds, left_refused, rights, rules
from tpi_site.kit.errors import Invalid, Refusal, Unseen

_INDEX_HELP = "The index's name; null for all indexes."
_LARGEST = 2**63


class RuleSerializer(serializers.ModelSerializer[PolicyRule]):
    """A rule; `conditions` that are not named are not asked, and `summary` says it all in a sentence."""

    index = serializers.CharField(source="index.name", default=None, read_only=True, allow_null=True)
    summary = serializers.SerializerMethodField()
    warning = serializers.SerializerMethodField(help_text="Where it does other than one may think; else empty.")

    class Meta:
        model = PolicyRule
        fields = (
            *("id", "name", "index", "position", "is_enabled", "effect", "conditions", "on_missing"),
            *("reason", "contact", "since", "created_at", "created_by", "summary", "warning"),
        )
        read_only_fields = fields

    def get_summary(self, row: PolicyRule) -> str:
        """In plain words."""
        try:
            read = written.read(row.conditions)
        except Refusal:
            return "This rule cannot be read."
        return written.summary(Effect(row.effect), read, matches_missing=row.on_missing == "match")

    def get_warning(self, row: PolicyRule) -> str:
        """A sentence."""
        return rules.warning_of(row)


class _RuleValues(StrictSerializer):
    conditions = serializers.JSONField(required=False, help_text="A JSON object; see the documentation of the policy.")
    on_missing = serializers.ChoiceField(
        PolicyRule.OnMissing.choices, required=False, help_text="For a file of which needed data are missing."
    )
    reason = TextField(max_length=500, required=False, allow_blank=True, help_text="Who is refused reads it.")
    contact = TextField(max_length=200, required=False, allow_blank=True, help_text="Whom to ask for an exception.")
    is_enabled = FlagField(required=False)


class NewRuleSerializer(_RuleValues):
    """A rule to add, as the last one of its index or of those of all."""

    name = TextField(max_length=100)
    index = TextField(max_length=64, allow_null=True, default=None, help_text=_INDEX_HELP)
    effect = serializers.ChoiceField(PolicyRule.Effect.choices)


class RuleChangeSerializer(_RuleValues):
    """What is to be changed."""

    name = TextField(max_length=100, required=False)
    effect = serializers.ChoiceField(PolicyRule.Effect.choices, required=False)


class MoveSerializer(StrictSerializer):
    """A place in the order."""

    position = NumberField(min_value=1, max_value=1_000_000, help_text="From 1, among the rules of the same index.")


class RuleFilter(Filters):
    """Filters of the list of rules."""

    index = filters.CharFilter(field_name="index__name", max_length=64, label="Of this index alone.")
    of_all = FlagFilter(field_name="index", lookup_expr="isnull", label="Those of all indexes, or the others.")
    effect = filters.ChoiceFilter(choices=PolicyRule.Effect.choices, label="What it does.")
    enabled = FlagFilter(field_name="is_enabled", label="Whether it holds.")


_COOL_DOWN = OpenApiExample(
    "A cool-down",
    value={"name": "cool-down", "effect": "hide", "conditions": {"younger_than_days": 7, "sources": ["kind:mirror"]}},
    request_only=True,
)


def _place(resource: Resource, name: str | None, deed: str) -> Index | None:
    """The index for which a security officer or its administrator decides; None for all."""
    if name is None:
        rights.require_officer(resource.actor, deed)
        return None
    if resource.actor.may_secure:
        if (found := Index.objects.filter(name=name).first()) is None:
            raise Invalid(f"There is no index named '{name[:64]}'.", code="index-unknown")
        access.require_token_where_needed(resource.actor, found)
        return found
    return access.index_to_change(resource.actor, name)


class _OfPolicy(Resource):
    """What stands at a number and is seen by who decides about it or reads everything."""

    def one(self, pk: int) -> Any:
        """The row, if the actor may see it."""
        if pk >= _LARGEST or (found := self.rows().filter(pk=pk).first()) is None:
            raise Unseen("There is no such thing of the policy that you may see.", code="policy-unknown")
        return found

    def one_to_change(self, pk: int, index_of: Any) -> Any:
        """As :meth:`one`, by a token where its index takes nothing else."""
        found = self.one(pk)
        if (index := index_of(found)) is not None:
            access.require_token_where_needed(self.actor, index)
        return found


@extend_schema(tags=["Policy"])
class PolicyRuleViewSet(_OfPolicy):
    """Rules: the first that matches a file decides, those of an index before those of all."""

    model = PolicyRule
    serializer_class = RuleSerializer
    filterset_class = RuleFilter

    def rows(self) -> QuerySet[PolicyRule]:
        """The visible rules."""
        return policy_rules_visible_to(self.actor).select_related("index")

    @extend_schema(summary="List policy rules")
    def list(self, request: Request) -> Response:
        """The oldest first; `position` says in which order they are asked."""
        return self.listed()

    @extend_schema(
        summary="Add a policy rule", request=NewRuleSerializer, responses={201: RuleSerializer}, examples=[_COOL_DOWN]
    )
    def create(self, request: Request) -> Response:
        """For all indexes by security officers; on an index by who administers it, unless it allows."""
        given = self.body(NewRuleSerializer)
        index = _place(self, given.pop("index"), "set rules that hold on all indexes")
        row = rules.create(actor=self.actor, index=index, **given)
        return self.created(row, reverse("api:policy-rule", args=[row.pk]))

    @extend_schema(summary="Read a policy rule")
    def retrieve(self, request: Request, id: int) -> Response:  # noqa: A002  the name in the address
        """One rule."""
        return self.shown(self.one(id))

    @extend_schema(summary="Change a policy rule", request=RuleChangeSerializer, responses=RuleSerializer)
    def partial_update(self, request: Request, id: int) -> Response:  # noqa: A002  as above
        """With what it asks or does changed, it holds since now."""
        return self.shown(rules.change(actor=self.actor, rule=self._rule(id), **self.body(RuleChangeSerializer)))

    @extend_schema(summary="Remove a policy rule", responses={204: None})
    def destroy(self, request: Request, id: int) -> Response:  # noqa: A002  as above
        """With the exceptions from it, and what it held back."""
        rules.remove(actor=self.actor, rule=self._rule(id))
        return gone()

    @extend_schema(summary="Move a policy rule", request=MoveSerializer, responses=RuleSerializer)
    def move(self, request: Request, id: int) -> Response:  # noqa: A002  as above
        """To another place in the order."""
        row = self._rule(id)
        return self.shown(rules.move(actor=self.actor, rule=row, position=self.body(MoveSerializer)["position"]))

    @extend_schema(summary="Try a policy rule", request=NewRuleSerializer, responses=DryRunSerializer)
    def dry_run(self, request: Request) -> Response:
        """What the rule would change of what is let through, by project and team; nothing is changed."""
        given = self.body(NewRuleSerializer)
        index = _place(self, given.pop("index"), "try rules for all indexes")
        row = PolicyRule(index=index, on_missing=given.pop("on_missing", rules.on_missing_of(given["effect"])), **given)
        rules.require_sound(actor=self.actor, rule=row)
        return Response(DryRunSerializer(dry_runs.dry_run(row, self.actor)).data)

    def _rule(self, pk: int) -> PolicyRule:
        found: PolicyRule = self.one_to_change(pk, lambda row: row.index)
        return found


class ExceptionSerializer(serializers.ModelSerializer[PolicyException]):
    """An exception; empty `versions` are all, a null `rule` every rule."""

    name = serializers.CharField(source="project", read_only=True, help_text="The same as `project`.")
    index = serializers.CharField(source="index.name", default=None, read_only=True, allow_null=True)
    is_in_force = serializers.BooleanField(read_only=True)

    class Meta:
        model = PolicyException
        fields: tuple[str, ...] = (
            *("id", "name", "index", "project", "versions", "rule", "reason", "expires_at", "is_break_glass"),
            *("is_in_force", "created_at", "created_by", "revoked_at", "revoked_by"),
        )
        read_only_fields = fields


class GrantedSerializer(ExceptionSerializer):
    """An exception as it was made; `still_refused` names rules that keep files of it back all the same.

    It tells of projects that you may read, and of rules that you may see.
    """

    still_refused = serializers.SerializerMethodField()

    class Meta(ExceptionSerializer.Meta):
        fields = (*ExceptionSerializer.Meta.fields, "still_refused")

    def get_still_refused(self, row: PolicyException) -> list[str]:
        """As in "'cool-down' of the index 'outside'"."""
        return left_refused.still_refused(row, self.context["actor"])


class _Exempted(StrictSerializer):
    index = TextField(max_length=64, allow_null=True, default=None, help_text=_INDEX_HELP)
    project = TextField(max_length=100)
    versions = TextField(max_length=500, allow_blank=True, default="", help_text="Such as >=1,<2; empty for all.")
    reason = TextField(max_length=500)


class NewExceptionSerializer(_Exempted):
    """An exception to grant."""

    rule = NumberField(allow_null=True, default=None, min_value=1, max_value=_LARGEST - 1, help_text="Null for every.")
    expires_at = serializers.DateTimeField()


class BreakGlassSerializer(_Exempted):
    """An exception from everything, for hours."""

    hours = NumberField(min_value=1, max_value=exceptions.BREAK_GLASS_HOURS, default=exceptions.BREAK_GLASS_HOURS)


class ExceptionFilter(Filters):
    """Filters of the list of exceptions."""

    index = filters.CharFilter(field_name="index__name", max_length=64, label="On this index alone.")
    project = filters.CharFilter(max_length=128, label="The normalised name.")
    in_force = FlagFilter(method="by_force", label="Whether it holds now.")
    break_glass = FlagFilter(field_name="is_break_glass", label="Whether the glass was broken.")

    def by_force(self, rows: QuerySet[PolicyException], name: str, value: bool) -> QuerySet[PolicyException]:  # noqa: FBT001  the library's
        """Those that hold, or those that do not."""
        holds_now = {"revoked_at": None, "expires_at__gt": timezone.now()}
        return rows.filter(**holds_now) if value else rows.exclude(**holds_now)


@extend_schema(tags=["Policy"])
class PolicyExceptionViewSet(_OfPolicy):
    """Exceptions: dated, with a reason, and in the audit log."""

    model = PolicyException
    ordering = "-pk"
    serializer_class = ExceptionSerializer
    filterset_class = ExceptionFilter

    def rows(self) -> QuerySet[PolicyException]:
        """The visible exceptions."""
        return policy_exceptions_visible_to(self.actor).select_related("index", "rule")

    @extend_schema(summary="List policy exceptions")
    def list(self, request: Request) -> Response:
        """The latest first, those that have ended too."""
        return self.listed()

    @extend_schema(
        summary="Grant a policy exception", request=NewExceptionSerializer, responses={201: GrantedSerializer}
    )
    def create(self, request: Request) -> Response:
        """From rules of an index by who administers it; from those of all, and from every rule, by security officers."""
        given = self.body(NewExceptionSerializer)
        index = _place(self, given.pop("index"), "grant exceptions on all indexes")
        given["rule"] = self._rule(given["rule"])
        return self._granted(exceptions.grant(actor=self.actor, index=index, **given))

    def _granted(self, row: PolicyException) -> Response:
        address = reverse("api:policy-exception", args=[row.pk])
        return made(GrantedSerializer(row, context={"actor": self.actor}).data, self.request._request, address)

    def _rule(self, pk: int | None) -> PolicyRule | None:
        if pk is None:
            return None
        found = policy_rules_visible_to(self.actor).select_related("index").filter(pk=pk).first()
        if found is None:
            raise Unseen("There is no such rule that you may see.", code="policy-unknown")
        return found

    @extend_schema(summary="Break the glass", request=BreakGlassSerializer, responses={201: GrantedSerializer})
    def break_glass(self, request: Request) -> Response:
        """Let something through for up to 24 hours whatever the rules say; an alarm rings."""
        given = self.body(BreakGlassSerializer)
        index = _place(self, given.pop("index"), "break the glass on all indexes")
        return self._granted(exceptions.break_glass(actor=self.actor, index=index, **given))

    @extend_schema(summary="Read a policy exception")
    def retrieve(self, request: Request, id: int) -> Response:  # noqa: A002  as above
        """One exception."""
        return self.shown(self.one(id))

    @extend_schema(summary="Revoke a policy exception", request=NoBodySerializer, responses=ExceptionSerializer)
    def revoke(self, request: Request, id: int) -> Response:  # noqa: A002  as above
        """It ends now; the row stays."""
        row = self.one_to_change(id, lambda found: found.index)
        self.body(NoBodySerializer)
        return self.shown(exceptions.revoke(actor=self.actor, exception=row))


class HoldSerializer(serializers.ModelSerializer[PolicyHold]):
    """A release that a rule holds back."""

    name = serializers.CharField(source="__str__", read_only=True, help_text="Project and version.")
    index = serializers.CharField(source="index.name", read_only=True)
    rule_name = serializers.CharField(source="rule.name", read_only=True)

    class Meta:
        model = PolicyHold
        fields = (
            *("id", "name", "index", "project", "version", "rule", "rule_name", "state"),
            *("held_at", "asked_by", "decided_at", "decided_by", "reason"),
        )
        read_only_fields = fields


class HoldFilter(Filters):
    """Filters of the list of holds."""

    index = filters.CharFilter(field_name="index__name", max_length=64, label="On this index.")
    project = filters.CharFilter(max_length=128, label="The normalised name.")
    state = filters.ChoiceFilter(choices=PolicyHold.State.choices, label="What was decided.")


@extend_schema(tags=["Policy"])
class PolicyHoldViewSet(_OfPolicy):
    """What waits for a review since somebody asked for it."""

    model = PolicyHold
    ordering = "-pk"
    serializer_class = HoldSerializer
    filterset_class = HoldFilter

    def rows(self) -> QuerySet[PolicyHold]:
        """The visible holds."""
        return policy_holds_visible_to(self.actor).select_related("index", "rule__index")

    @extend_schema(summary="List policy holds")
    def list(self, request: Request) -> Response:
        """The latest first, those that are decided too."""
        return self.listed()

    @extend_schema(summary="Read a policy hold")
    def retrieve(self, request: Request, id: int) -> Response:  # noqa: A002  as above
        """One hold."""
        return self.shown(self.one(id))

    @extend_schema(summary="Approve what is held back", request=ReasonSerializer, responses=HoldSerializer)
    def approve(self, request: Request, id: int) -> Response:  # noqa: A002  as above
        """The rule lets the release through from now on; later rules are asked all the same."""
        return self._decided(id, approve=True)

    @extend_schema(summary="Reject what is held back", request=ReasonSerializer, responses=HoldSerializer)
    def reject(self, request: Request, id: int) -> Response:  # noqa: A002  as above
        """It stays refused, and no longer waits."""
        return self._decided(id, approve=False)

    def _decided(self, pk: int, *, approve: bool) -> Response:
        row = self.one_to_change(pk, lambda found: found.index)
        reason = self.body(ReasonSerializer)["reason"]
        return self.shown(holds.decide(actor=self.actor, hold=row, approve=approve, reason=reason))
