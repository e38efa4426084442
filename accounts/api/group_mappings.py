"""``/directories/<directory>/mappings/``: what the directory's groups are here."""

from __future__ import annotations

from django.db.models import QuerySet
from django.urls import reverse
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permissions
from accounts.api.bodies import StrictSerializer, TextField
from accounts.api.directories import directory_for
from accounts.api.filtering import Filters
from accounts.api.resources import Resource, gone
from accounts.api.teams import team_named
from accounts.domain.instance_roles import InstanceRole
from accounts.models import GroupMapping, Membership
from accounts.services.directories import settings
from tpi_site.kit.errors import NotFound

PARTS = (settings.ADMINISTRATOR, *(role.value for role in InstanceRole))


class MappingSerializer(serializers.ModelSerializer[GroupMapping]):
    """A group, and either a team with a place in it or an instance role."""

    team = serializers.CharField(source="team.name", default=None, read_only=True, allow_null=True)

    class Meta:
        model = GroupMapping
        fields = ("id", "group_dn", "team", "role", "instance_role", "created_at")
        read_only_fields = fields


class NewMappingSerializer(StrictSerializer):
    """A new mapping; either `team` or `instance_role`."""

    group_dn = TextField(max_length=500, help_text="The group's distinguished name.")
    team = TextField(max_length=64, allow_blank=True, default="")
    role = serializers.ChoiceField(
        choices=Membership.Place.choices, allow_blank=True, default="", help_text="In the team; `member` if left out."
    )
    instance_role = serializers.ChoiceField(choices=PARTS, allow_blank=True, default="")


class MappingFilter(Filters):
    """Filters of the list of mappings."""

    team = filters.CharFilter(field_name="team__name", max_length=64, label="The team's name.")


_EXAMPLE = OpenApiExample(
    "Maintainers of a team",
    value={"group_dn": "cn=platform,ou=groups,dc=tpi,dc=example", "team": "platform", "role": "maintainer"},
    request_only=True,
)


@extend_schema(tags=["Directories"])
class MappingViewSet(Resource):
    """The mapped groups of a directory; they are added and deleted, never changed."""

    model = GroupMapping
    serializer_class = MappingSerializer
    filterset_class = MappingFilter

    def rows(self) -> QuerySet[GroupMapping]:
        """The mappings of the directory in the address."""
        directory = directory_for(self.actor, self.kwargs["directory"])
        return GroupMapping.objects.filter(directory=directory).select_related("directory", "team")

    @extend_schema(summary="List mapped groups")
    def list(self, request: Request, directory: str) -> Response:
        """In the order in which they were mapped."""
        return self.listed()

    @extend_schema(
        summary="Map a group", request=NewMappingSerializer, responses={201: MappingSerializer}, examples=[_EXAMPLE]
    )
    def create(self, request: Request, directory: str) -> Response:
        """It holds from the next sign-in or sync of the group's members."""
        permissions.require_administrator(self.actor, "map groups")
        row = directory_for(self.actor, directory)
        given = self.body(NewMappingSerializer)
        team = team_named(given.pop("team")) if given["team"] else None
        given.pop("team", None)
        mapping = settings.map_group(actor=self.actor, directory=row, team=team, **given)
        return self.created(mapping, reverse("api:directory-mapping", args=[row.name, mapping.pk]))

    @extend_schema(summary="Read a mapping")
    def retrieve(self, request: Request, directory: str, id: int) -> Response:  # noqa: A002  the name in the address
        """One mapping."""
        return self.shown(self._one(id))

    @extend_schema(summary="Unmap a group", responses={204: None})
    def destroy(self, request: Request, directory: str, id: int) -> Response:  # noqa: A002  the name in the address
        """What it gave ends with its people's next sign-in or sync."""
        permissions.require_administrator(self.actor, "map groups")
        settings.unmap_group(actor=self.actor, mapping=self._one(id))
        return gone()

    def _one(self, pk: int) -> GroupMapping:
        found = self.rows().filter(pk=pk).first()
        if found is None:
            raise NotFound("There is no such mapping of this directory.", code="mapping-unknown")
        return found
