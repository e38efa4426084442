"""``/teams/``: groups of people who hold rights together."""

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
from accounts.api.filtering import Filters
from accounts.api.resources import Resource, gone
from accounts.domain.actors import Actor
from accounts.models import Team
from accounts.services import teams
from tpi_site.kit.errors import Forbidden, Invalid, NotFound


class TeamSerializer(serializers.ModelSerializer[Team]):
    """A team; its people hold the roles of the teams above it too."""

    parent = serializers.SerializerMethodField(  # type: ignore[assignment]  # DRF moves declared fields out of the way
        help_text="The next team above it; null where it stands by itself."
    )

    class Meta:
        model = Team
        fields = ("name", "title", "description", "parent", "created_at")
        read_only_fields = fields

    def get_parent(self, team: Team) -> str | None:
        """The name of the next team above."""
        return team.parent.name if team.parent else None


class NewTeamSerializer(StrictSerializer):
    """A new team."""

    name = TextField(max_length=64, help_text="Lower-case letters, digits and hyphens.")
    title = TextField(max_length=200, allow_blank=True, default="")
    description = TextField(max_length=10_000, allow_blank=True, default="")
    parent = TextField(  # type: ignore[assignment]  # as above
        max_length=64, allow_null=True, default=None, help_text="The team to put it below."
    )


class TeamChangeSerializer(StrictSerializer):
    """What may be changed of a team."""

    title = TextField(max_length=200, allow_blank=True)
    description = TextField(max_length=10_000, allow_blank=True)
    parent = TextField(  # type: ignore[assignment]  # as above
        max_length=64, allow_null=True, help_text="The team to put it below; null for none."
    )


class TeamFilter(Filters):
    """Filters of the list of teams."""

    name = filters.CharFilter(lookup_expr="startswith", max_length=64, label="Begins with.")


_EXAMPLE = OpenApiExample("A team", value={"name": "platform", "title": "Platform engineering"}, request_only=True)


@extend_schema(tags=["Teams"])
class TeamViewSet(Resource):
    """Teams."""

    model = Team
    ordering = "name"
    serializer_class = TeamSerializer
    filterset_class = TeamFilter

    def rows(self) -> QuerySet[Team]:
        """The visible teams with the next above."""
        return permissions.teams_visible_to(self.actor).select_related("parent")

    @extend_schema(summary="List teams")
    def list(self, request: Request) -> Response:
        """Your own teams, those above them and those that you look after; all for who reads everything."""
        return self.listed()

    @extend_schema(
        summary="Create a team", request=NewTeamSerializer, responses={201: TeamSerializer}, examples=[_EXAMPLE]
    )
    def create(self, request: Request) -> Response:
        """Administrators of the instance make teams; below a team its admins do."""
        if not permissions.managed_teams(self.actor).exists():
            permissions.require_administrator(self.actor, "create teams")
        given = self.body(NewTeamSerializer)
        parent = _parent(self.actor, given.pop("parent"))
        team = teams.create(actor=self.actor, parent=parent, **given)
        return self.created(team, reverse("api:team", args=[team.name]))

    @extend_schema(summary="Read a team")
    def retrieve(self, request: Request, team: str) -> Response:
        """One team."""
        return self.shown(team_for(self.actor, team))

    @extend_schema(summary="Change a team", request=TeamChangeSerializer, responses=TeamSerializer)
    def partial_update(self, request: Request, team: str) -> Response:
        """The team's admins change its title and description; who is admin of both puts it below another team."""
        row = team_to_manage(self.actor, team)
        changes = self.changes(TeamChangeSerializer)
        if "parent" in changes:
            changes["parent"] = _parent(self.actor, changes["parent"])
        return self.shown(teams.change(actor=self.actor, team=row, **changes))

    @extend_schema(summary="Delete a team", responses={204: None})
    def destroy(self, request: Request, team: str) -> Response:
        """Delete a team with its memberships and roles."""
        teams.delete(actor=self.actor, team=team_for(self.actor, team))
        return gone()


def team_for(actor: Actor, name: str) -> Team:
    """The team of that name; who may not see all teams is refused alike whether or not it exists."""
    found = permissions.teams_visible_to(actor).filter(name=name).first()
    if found is not None:
        return found
    if actor.reads_everything:
        raise NotFound(f"There is no team named '{name}'.", code="team-unknown")
    raise Forbidden(f"You may not see or change the team '{name}'.", code="right-missing")


def team_to_manage(actor: Actor, name: str) -> Team:
    """The team of that name, for who may change it and its members."""
    team = team_for(actor, name)
    if not teams.may_manage(actor, team):
        raise Forbidden(f"Only an admin of the team '{name}' may change it.", code="team-admin-needed")
    return team


def _parent(actor: Actor, name: str | None) -> Team | None:
    return None if name is None else team_to_manage(actor, name)


def team_named(name: str) -> Team:
    """The team that a body names; ask only for actors who may act upon teams of any name."""
    found = Team.objects.filter(name=name).first()
    if found is None:
        raise Invalid(f"There is no team named '{name}'.", code="team-unknown")
    return found
