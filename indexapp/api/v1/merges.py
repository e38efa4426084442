"""``/indexes/<group>/merges/``: names of ours that a group takes from its mirrors all the same."""

from __future__ import annotations

from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.bodies import StrictSerializer, TextField
from accounts.api.filtering import Filters, FlagFilter
from accounts.api.resources import Resource, gone
from indexapp.api.v1 import access
from indexapp.domain.names import normalize_name
from indexapp.models import Index, Merge
from indexapp.services.mirrors import merges
from tpi_site.kit.errors import NotFound


class MergeSerializer(serializers.ModelSerializer[Merge]):
    """A name that is merged, or was."""

    name = serializers.CharField(source="normalized_name", read_only=True)
    group = serializers.CharField(source="group.name", read_only=True)

    class Meta:
        model = Merge
        fields = ("name", "group", "reason", "created_by", "created_at", "revoked_by", "revoked_at")
        read_only_fields = fields


class NewMergeSerializer(StrictSerializer):
    """A name to merge, and why."""

    name = TextField(max_length=100)
    reason = TextField(max_length=1000, help_text="People look for it later.")


class MergeFilter(Filters):
    """Filters of the list of merges."""

    active = FlagFilter(field_name="revoked_at", lookup_expr="isnull", label="Not revoked.")


_EXAMPLE = OpenApiExample(
    "A fork of a public project",
    value={"name": "acme-tool", "reason": "Ours is a fork that adds local versions."},
    request_only=True,
)


@extend_schema(tags=["Mirrors"])
class MergeViewSet(Resource):
    """Exceptions to the rule that a name of ours is never taken from an upstream; security officers make them."""

    model = Merge
    serializer_class = MergeSerializer
    filterset_class = MergeFilter

    def rows(self) -> QuerySet[Merge]:
        """Those of the group in the address, the revoked ones too."""
        return Merge.objects.filter(group=self._group()).select_related("group")

    @extend_schema(summary="List merges")
    def list(self, request: Request, index: str) -> Response:
        """The oldest first."""
        return self.listed()

    @extend_schema(
        summary="Merge a name", request=NewMergeSerializer, responses={201: MergeSerializer}, examples=[_EXAMPLE]
    )
    def create(self, request: Request, index: str) -> Response:
        """The group then asks its mirrors for the name, and serves their files beside ours."""
        row = merges.create(actor=self.actor, group=self._group(), **self.body(NewMergeSerializer))
        return self.created(row, reverse("api:merge", args=[index, row.normalized_name]))

    @extend_schema(summary="Read a merge")
    def retrieve(self, request: Request, index: str, name: str) -> Response:
        """One that is not revoked."""
        return self.shown(self._one(name))

    @extend_schema(summary="Revoke a merge", responses={204: None})
    def destroy(self, request: Request, index: str, name: str) -> Response:
        """The name is ours alone again."""
        merges.revoke(actor=self.actor, merge=self._one(name))
        return gone()

    def _group(self) -> Index:
        name = self.kwargs["index"]
        if not self.actor.reads_everything:
            return access.index_to_change(self.actor, name)
        found = Index.objects.filter(name=name).first()
        if found is None:
            raise NotFound(f"There is no index named '{name}'.", code="index-unknown")
        return found

    def _one(self, name: str) -> Merge:
        found = self.rows().filter(normalized_name=normalize_name(name), revoked_at=None).first()
        if found is None:
            raise NotFound(f"The group merges no name '{normalize_name(name)}'.", code="merge-unknown")
        return found
