"""``…/quota/``: how much an index or a team holds, and how much it may."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.bodies import NumberField, StrictSerializer
from accounts.api.resources import Resource
from accounts.api.teams import team_for
from accounts.domain.actors import Actor
from accounts.models import Team
from indexapp.api.v1 import access
from indexapp.models import Index, Quota
from indexapp.services import quota_settings
from tpi_site.kit.errors import NotFound

_MOST_BYTES = 2**63 - 1


class QuotaSerializer(serializers.ModelSerializer[Quota]):
    """An account in bytes of files, the trash included; a limit that is null does not hold."""

    index = serializers.CharField(source="index.name", default=None, read_only=True, allow_null=True)
    team = serializers.CharField(source="team.name", default=None, read_only=True, allow_null=True)
    free = serializers.SerializerMethodField(help_text="What may still be uploaded; null without a hard limit.")
    share = serializers.SerializerMethodField(help_text="What is in use of the hard limit, or else of the soft one.")

    class Meta:
        model = Quota
        fields = ("index", "team", "used", "soft_limit", "hard_limit", "free", "share")
        read_only_fields = fields

    def get_free(self, row: Quota) -> int | None:
        """The room that is left, never below zero."""
        return None if row.hard_limit is None else max(0, row.hard_limit - row.used)

    def get_share(self, row: Quota) -> float | None:
        """From 0, and above 1 where a limit was passed or lowered."""
        limit = row.hard_limit or row.soft_limit
        return None if limit is None else round(row.used / limit, 4)


class QuotaChangeSerializer(StrictSerializer):
    """New limits; null takes one away."""

    soft_limit = NumberField(
        min_value=1, max_value=_MOST_BYTES, allow_null=True, required=False, help_text="Rings an alarm once."
    )
    hard_limit = NumberField(
        min_value=1, max_value=_MOST_BYTES, allow_null=True, required=False, help_text="Refuses uploads beyond it."
    )


_EXAMPLE = OpenApiExample(
    "Both", value={"soft_limit": 80_000_000_000, "hard_limit": 100_000_000_000}, request_only=True
)


class _Quotas(Resource):
    """What both kinds have in common."""

    model = Quota
    serializer_class = QuotaSerializer
    pagination_class = None
    filterset_class = None

    def rows(self) -> QuerySet[Quota]:
        """There is one, found by its holder."""
        return Quota.objects.none()

    def set(self, holder: Index | Team) -> Response:
        """Change the limits that the body names."""
        limits: dict[str, Any] = self.changes(QuotaChangeSerializer)
        return self.shown(quota_settings.set_limits(actor=self.actor, holder=holder, **limits))


@extend_schema(tags=["Indexes"])
class IndexQuotaViewSet(_Quotas):
    """The account of an index."""

    @extend_schema(summary="Read an index's quota")
    def retrieve(self, request: Request, index: str) -> Response:
        """For who administers the index, and who watches the installation."""
        return self.shown(quota_settings.of_index(self.actor, _index(self.actor, index)))

    @extend_schema(
        summary="Set an index's quota", request=QuotaChangeSerializer, responses=QuotaSerializer, examples=[_EXAMPLE]
    )
    def partial_update(self, request: Request, index: str) -> Response:
        """Operators set limits; uploads beyond the hard one answer 507."""
        return self.set(_index(self.actor, index))


@extend_schema(tags=["Teams"])
class TeamQuotaViewSet(_Quotas):
    """The account of a team: the projects that count for it."""

    @extend_schema(summary="Read a team's quota")
    def retrieve(self, request: Request, team: str) -> Response:
        """For who may see the team, and who watches the installation."""
        return self.shown(quota_settings.of_team(self.actor, _team(self.actor, team)))

    @extend_schema(
        summary="Set a team's quota", request=QuotaChangeSerializer, responses=QuotaSerializer, examples=[_EXAMPLE]
    )
    def partial_update(self, request: Request, team: str) -> Response:
        """Operators set limits; they hold for all projects that count for the team, in whatever index."""
        return self.set(_team(self.actor, team))


def _index(actor: Actor, name: str) -> Index:
    if not actor.sees_operation:
        return access.index_to_change(actor, name)
    found = Index.objects.filter(name=name).first()
    if found is None:
        raise NotFound(f"There is no index named '{name}'.", code="index-unknown")
    access.require_token_where_needed(actor, found)
    return found


def _team(actor: Actor, name: str) -> Team:
    if not actor.sees_operation:
        return team_for(actor, name)
    found = Team.objects.filter(name=name).first()
    if found is None:
        raise NotFound(f"There is no team named '{name}'.", code="team-unknown")
    return found
