"""``/prefixes/``: prefixes of project names that are kept for a team."""

from __future__ import annotations

from django.db.models import QuerySet
from django.urls import reverse
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.bodies import StrictSerializer, TextField
from accounts.api.filtering import Filters
from accounts.api.resources import Resource, gone
from accounts.models import Membership, Team
from accounts.permissions import managed_teams, require_administrator
from indexapp.api.v1 import access
from indexapp.models import Index, ReservedPrefix
from indexapp.permissions import prefixes_visible_to
from indexapp.services import prefix_holders, roles
from tpi_site.kit.errors import Unseen


class PrefixSerializer(serializers.ModelSerializer[ReservedPrefix]):
    """A reserved prefix."""

    name = serializers.CharField(source="prefix", read_only=True, help_text="The same as `prefix`.")
    team = serializers.CharField(source="team.name", read_only=True)
    index = serializers.SerializerMethodField()

    class Meta:
        model = ReservedPrefix
        fields = ("id", "name", "prefix", "team", "index", "created_at")
        read_only_fields = fields

    def get_index(self, row: ReservedPrefix) -> str | None:
        """The index's name; null where it holds on all."""
        return row.index.name if row.index else None


class NewPrefixSerializer(StrictSerializer):
    """A prefix to reserve, on one index or, without one, on all."""

    prefix = TextField(max_length=100)
    team = TextField(max_length=64)
    index = TextField(max_length=64, allow_null=True, default=None)


class PrefixFilter(Filters):
    """Filters of the list of reserved prefixes."""

    index = filters.CharFilter(field_name="index__name", max_length=64, label="Reserved on this index alone.")
    team = filters.CharFilter(field_name="team__name", max_length=64, label="Kept for this team.")


_EXAMPLE = OpenApiExample("For a team", value={"prefix": "acme", "team": "platform"}, request_only=True)


@extend_schema(tags=["Reserved prefixes"])
class PrefixViewSet(Resource):
    """Reserved prefixes; new names that begin so are for members of the team."""

    model = ReservedPrefix
    serializer_class = PrefixSerializer
    filterset_class = PrefixFilter

    def rows(self) -> QuerySet[ReservedPrefix]:
        """The visible prefixes with what they name."""
        return prefixes_visible_to(self.actor).select_related("team", "index")

    @extend_schema(summary="List reserved prefixes")
    def list(self, request: Request) -> Response:
        """The oldest first."""
        return self.listed()

    @extend_schema(
        summary="Reserve a prefix", request=NewPrefixSerializer, responses={201: PrefixSerializer}, examples=[_EXAMPLE]
    )
    def create(self, request: Request) -> Response:
        """On an index by who administers it or, for their team, by its maintainers; everywhere by administrators."""
        given = self.body(NewPrefixSerializer)
        team, index = self._place(given["team"], given["prefix"], given["index"])
        row = roles.reserve_prefix(actor=self.actor, team=team, prefix=given["prefix"], index=index)
        return self.created(row, reverse("api:prefix", args=[row.pk]))

    def _place(self, team: str, prefix: str, index: str | None) -> tuple[Team, Index | None]:
        if index is None:
            require_administrator(self.actor, "reserve a prefix everywhere")
            return prefix_holders.named(actor=self.actor, team=team, prefix=prefix, index=None), None
        own = managed_teams(self.actor, Membership.Place.MAINTAINER, Membership.Place.ADMIN).filter(name=team).first()
        if own is not None and not self.actor.may_administer_instance:
            return own, access.index_to_publish_to(self.actor, index)
        place = access.index_to_change(self.actor, index)
        return prefix_holders.named(actor=self.actor, team=team, prefix=prefix, index=place), place

    @extend_schema(summary="Read a reserved prefix")
    def retrieve(self, request: Request, id: int) -> Response:  # noqa: A002  the name in the address
        """One prefix."""
        return self.shown(self._prefix(id))

    @extend_schema(summary="Give a prefix free", responses={204: None})
    def destroy(self, request: Request, id: int) -> Response:  # noqa: A002  the name in the address
        """Anybody who may create projects may use it from now on."""
        row = self._prefix(id)
        if row.index is not None:
            access.require_token_where_needed(self.actor, row.index)
        roles.release_prefix(actor=self.actor, reserved=row)
        return gone()

    def _prefix(self, pk: int) -> ReservedPrefix:
        found = self.rows().filter(pk=pk).first()
        if found is None:
            raise Unseen("There is no such prefix that you may see.", code="prefix-unknown")
        return found
