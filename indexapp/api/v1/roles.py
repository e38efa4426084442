"""``/roles/``: who holds which verbs where."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.bodies import StrictSerializer, TextField, WordsField
from accounts.api.filtering import Filters
from accounts.api.resources import Resource, gone
from accounts.api.token_bodies import VERBS
from accounts.domain.verbs import Verb, as_words, from_mask, parse_verbs
from indexapp.api.v1 import access
from indexapp.domain.names import normalize_name
from indexapp.models import Role
from indexapp.permissions import roles_visible_to
from indexapp.services import role_holders, roles
from tpi_site.kit.errors import Invalid, Unseen


class RoleSerializer(serializers.ModelSerializer[Role]):
    """Verbs of one user or one team on an index, or on one project of it."""

    name = serializers.SerializerMethodField(help_text="Who and where, for people.")
    index = serializers.CharField(source="index.name", read_only=True)
    project = serializers.SerializerMethodField()
    user = serializers.SerializerMethodField()
    team = serializers.SerializerMethodField()
    verbs = serializers.SerializerMethodField()

    class Meta:
        model = Role
        fields = ("id", "name", "index", "project", "user", "team", "verbs", "created_at")
        read_only_fields = fields

    def get_name(self, role: Role) -> str:
        """Who and where."""
        place = f"{role.index.name}/{role.project.normalized_name}" if role.project else role.index.name
        return f"{role.user or role.team} on {place}"

    def get_project(self, role: Role) -> str | None:
        """The project's normalised name; null for the whole index."""
        return role.project.normalized_name if role.project else None

    def get_user(self, role: Role) -> str | None:
        """The user's name; null where a team holds the role."""
        return role.user.username if role.user else None

    def get_team(self, role: Role) -> str | None:
        """The team's name; null where a user holds the role."""
        return role.team.name if role.team else None

    def get_verbs(self, role: Role) -> list[str]:
        """What they may do."""
        return as_words(from_mask(role.verbs))


class NewRoleSerializer(StrictSerializer):
    """Verbs for either a user or a team, instead of what they held there before."""

    index = TextField(max_length=64)
    project = TextField(max_length=100, allow_null=True, default=None, help_text="Null: the whole index.")
    user = TextField(max_length=150, allow_null=True, default=None)
    team = TextField(max_length=64, allow_null=True, default=None)
    verbs = WordsField(child=serializers.ChoiceField(choices=VERBS), allow_empty=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Exactly one holder."""
        if (attrs["user"] is None) == (attrs["team"] is None):
            raise Invalid("Name either a user or a team.", code="role-holder")
        return attrs


class RoleFilter(Filters):
    """Filters of the list of roles."""

    index = filters.CharFilter(field_name="index__name", max_length=64, label="On this index or its projects.")
    project = filters.CharFilter(method="of_project", max_length=100, label="On the project, in any spelling.")
    user = filters.CharFilter(field_name="user__username", max_length=150, label="Held by this user themself.")
    team = filters.CharFilter(field_name="team__name", max_length=64, label="Held by this team.")

    def of_project(self, rows: QuerySet[Role], name: str, value: str) -> QuerySet[Role]:
        """Roles on projects of that name."""
        return rows.filter(project__normalized_name=normalize_name(value))


_EXAMPLES = [
    OpenApiExample(
        "A team publishes", value={"index": "main", "team": "platform", "verbs": ["read", "upload"]}, request_only=True
    ),
    OpenApiExample(
        "A maintainer of one project",
        value={"index": "main", "project": "acme-tool", "user": "alice", "verbs": ["administer"]},
        request_only=True,
    ),
]


@extend_schema(tags=["Roles"])
class RoleViewSet(Resource):
    """Roles; who administers a thing sees all on it, others see their own and their teams'."""

    model = Role
    serializer_class = RoleSerializer
    filterset_class = RoleFilter

    def rows(self) -> QuerySet[Role]:
        """The visible roles with what they name."""
        return roles_visible_to(self.actor).select_related("index", "project", "user", "team")

    @extend_schema(summary="List roles")
    def list(self, request: Request) -> Response:
        """The oldest first."""
        return self.listed()

    @extend_schema(
        summary="Grant a role", request=NewRoleSerializer, responses={201: RoleSerializer}, examples=_EXAMPLES
    )
    def create(self, request: Request) -> Response:
        """Replaces what the holder held on this index, or on this project, before."""
        given = self.body(NewRoleSerializer)
        place = self._place(given["index"], given["project"])
        holder = role_holders.named(actor=self.actor, user=given["user"], team=given["team"], **place)
        role = roles.grant(actor=self.actor, holder=holder, verbs=parse_verbs(given["verbs"]), **place)
        return self.created(role, reverse("api:role", args=[role.pk]))

    def _place(self, index: str, project: str | None) -> dict[str, Any]:
        """The index, and the project where one is named; only for who administers it."""
        if project is None:
            return {"index": access.index_to_change(self.actor, index)}
        row = access.project_to_change(self.actor, index, project, Verb.ADMINISTER)
        return {"index": row.index, "project": row}

    @extend_schema(summary="Read a role")
    def retrieve(self, request: Request, id: int) -> Response:  # noqa: A002  the name in the address
        """One role."""
        return self.shown(self._role(id))

    @extend_schema(summary="Take a role away", responses={204: None})
    def destroy(self, request: Request, id: int) -> Response:  # noqa: A002  the name in the address
        """It ends at once."""
        role = self._role(id)
        access.require_token_where_needed(self.actor, role.index)
        roles.revoke(actor=self.actor, role=role)
        return gone()

    def _role(self, pk: int) -> Role:
        found = self.rows().filter(pk=pk).first()
        if found is None:
            raise Unseen("There is no such role that you may see.", code="role-unknown")
        return found
