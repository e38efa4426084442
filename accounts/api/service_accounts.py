"""``/teams/<team>/service-accounts/``: accounts of a team's programs."""

from __future__ import annotations

from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.bodies import FlagField, StrictSerializer, TextField
from accounts.api.filtering import Filters, FlagFilter
from accounts.api.resources import Resource, gone
from accounts.api.teams import team_for, team_to_manage
from accounts.models import Team, User
from accounts.services import service_accounts
from tpi_site.kit.errors import NotFound


class ServiceAccountSerializer(serializers.ModelSerializer[User]):
    """The account of a program; it signs in with tokens alone."""

    name = serializers.CharField(source="username", read_only=True)
    team = serializers.CharField(source="service_team.name", read_only=True)
    description = serializers.CharField(source="first_name", read_only=True)
    created_at = serializers.DateTimeField(source="date_joined", read_only=True)

    class Meta:
        model = User
        fields = ("name", "team", "description", "is_active", "created_at")
        read_only_fields = fields


class NewServiceAccountSerializer(StrictSerializer):
    """A new service account."""

    name = TextField(max_length=64, help_text="Lower-case letters, digits and hyphens, for example `svc-build`.")
    description = TextField(max_length=150, allow_blank=True, default="", help_text="What the program does.")


class ServiceAccountChangeSerializer(StrictSerializer):
    """What may be changed of a service account."""

    description = TextField(max_length=150, allow_blank=True)
    is_active = FlagField(help_text="False ends the use of its tokens at once.")


class ServiceAccountFilter(Filters):
    """Filters of the list of service accounts."""

    is_active = FlagFilter(label="Whether the account may be used.")


_EXAMPLE = OpenApiExample(
    "A build job", value={"name": "svc-build", "description": "Publishes what the pipeline builds"}, request_only=True
)


@extend_schema(tags=["Teams"])
class ServiceAccountViewSet(Resource):
    """A team's service accounts: its people see them, its admins change them, its maintainers issue their tokens."""

    model = User
    ordering = "username"
    serializer_class = ServiceAccountSerializer
    filterset_class = ServiceAccountFilter

    def rows(self) -> QuerySet[User]:
        """The service accounts of the team in the address."""
        return _accounts(team_for(self.actor, self.kwargs["team"]))

    @extend_schema(summary="List a team's service accounts")
    def list(self, request: Request, team: str) -> Response:
        """By name."""
        return self.listed()

    @extend_schema(
        summary="Create a service account",
        request=NewServiceAccountSerializer,
        responses={201: ServiceAccountSerializer},
        examples=[_EXAMPLE],
    )
    def create(self, request: Request, team: str) -> Response:
        """It is a member of the team; give it a token at `/tokens/` with its name as `user`."""
        row = team_to_manage(self.actor, team)
        user = service_accounts.create(actor=self.actor, team=row, **self.body(NewServiceAccountSerializer))
        return self.created(user, reverse("api:service-account", args=[team, user.username]))

    @extend_schema(summary="Read a service account")
    def retrieve(self, request: Request, team: str, username: str) -> Response:
        """One service account."""
        return self.shown(_account(team_for(self.actor, team), username))

    @extend_schema(
        summary="Change a service account",
        request=ServiceAccountChangeSerializer,
        responses=ServiceAccountSerializer,
    )
    def partial_update(self, request: Request, team: str, username: str) -> Response:
        """Describe it, disable it or enable it again."""
        user = _account(team_to_manage(self.actor, team), username)
        changes = self.changes(ServiceAccountChangeSerializer)
        return self.shown(service_accounts.change(actor=self.actor, user=user, **changes))

    @extend_schema(summary="Delete a service account", responses={204: None})
    def destroy(self, request: Request, team: str, username: str) -> Response:
        """Delete it with its tokens and roles; what it published stays."""
        service_accounts.delete(actor=self.actor, user=_account(team_to_manage(self.actor, team), username))
        return gone()


def _accounts(team: Team) -> QuerySet[User]:
    return User.objects.filter(kind=User.Kind.SERVICE, service_team=team).select_related("service_team")


def _account(team: Team, username: str) -> User:
    found = _accounts(team).filter(username=username).first()
    if found is None:
        raise NotFound(f"'{username}' is no service account of the team '{team.name}'.", code="service-account-unknown")
    return found
