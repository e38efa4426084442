"""``/teams/<team>/members/``: who is in a team, and as what."""

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
from accounts.api.teams import team_for, team_to_manage
from accounts.models import Membership, Team
from accounts.models.placing import highest, sources
from accounts.services import teams
from tpi_site.kit.errors import NotFound


class MemberSerializer(serializers.ModelSerializer[Membership]):
    """A person's place in a team; of several the highest."""

    name = serializers.CharField(source="user.username", read_only=True, help_text="The same as `user`.")
    user = serializers.CharField(source="user.username", read_only=True)
    sources = serializers.SerializerMethodField(help_text="`here`, and the names of directories whose groups give it.")

    class Meta:
        model = Membership
        fields = ("name", "user", "role", "sources", "created_at")
        read_only_fields = fields

    def get_sources(self, membership: Membership) -> list[str]:
        """Where the person's places in this team come from."""
        return sources(membership)


class NewMemberSerializer(StrictSerializer):
    """A person to take in; one who is in already changes places."""

    user = TextField(max_length=150)
    role = serializers.ChoiceField(choices=Membership.Place.choices, default=Membership.Place.MEMBER)


class MemberChangeSerializer(StrictSerializer):
    """Another place in the team."""

    role = serializers.ChoiceField(choices=Membership.Place.choices)


class MemberFilter(Filters):
    """Filters of the list of members."""

    role = filters.ChoiceFilter(choices=Membership.Place.choices, label="Their place in the team.")


_EXAMPLE = OpenApiExample("A maintainer", value={"user": "alice", "role": "maintainer"}, request_only=True)


@extend_schema(tags=["Teams"])
class MemberViewSet(Resource):
    """The members of a team; its members see them, its admins change them."""

    model = Membership
    ordering = "pk"
    serializer_class = MemberSerializer
    filterset_class = MemberFilter

    def rows(self) -> QuerySet[Membership]:
        """The members of the team in the address."""
        return _members(team_for(self.actor, self.kwargs["team"]))

    @extend_schema(summary="List a team's members")
    def list(self, request: Request, team: str) -> Response:
        """In the order in which they joined."""
        return self.listed()

    @extend_schema(
        summary="Add a member", request=NewMemberSerializer, responses={201: MemberSerializer}, examples=[_EXAMPLE]
    )
    def create(self, request: Request, team: str) -> Response:
        """Take in the person of exactly this user name, or change the place of one who is in."""
        row = team_to_manage(self.actor, team)
        given = self.body(NewMemberSerializer)
        teams.invite(actor=self.actor, team=row, username=given["user"], role=given["role"])
        return self.created(_member(row, given["user"]), reverse("api:member", args=[team, given["user"]]))

    @extend_schema(summary="Read a membership")
    def retrieve(self, request: Request, team: str, username: str) -> Response:
        """One person's place."""
        return self.shown(_member(team_for(self.actor, team), username))

    @extend_schema(summary="Change a member's place", request=MemberChangeSerializer, responses=MemberSerializer)
    def partial_update(self, request: Request, team: str, username: str) -> Response:
        """Make a member a maintainer or an admin, or the other way round."""
        row = team_to_manage(self.actor, team)
        user = _member(row, username).user
        changes = self.changes(MemberChangeSerializer)
        teams.set_member(actor=self.actor, team=row, user=user, role=changes["role"])
        return self.shown(_member(row, username))

    @extend_schema(summary="Remove a member", responses={204: None})
    def destroy(self, request: Request, team: str, username: str) -> Response:
        """The rights that came with the team end at once; anybody may leave. What a directory gives ends there."""
        row = team_for(self.actor, team)
        teams.remove_member(actor=self.actor, team=row, user=_member(row, username).user)
        return gone()


def _members(team: Team) -> QuerySet[Membership]:
    return highest(Membership.objects.filter(team=team)).select_related("user")


def _member(team: Team, username: str) -> Membership:
    found = _members(team).filter(user__username=username).first()
    if found is None:
        raise NotFound(f"'{username}' is not in the team '{team.name}'.", code="member-unknown")
    return found
