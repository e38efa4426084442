"""``/users/``: people's accounts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permissions
from accounts.api.bodies import FlagField, StrictSerializer, TextField, WordsField
from accounts.api.filtering import Filters, FlagFilter
from accounts.api.resources import Resource, gone
from accounts.domain.actors import Actor
from accounts.domain.instance_roles import InstanceRole, parse_roles, role_words, roles_from_mask
from accounts.models import User
from accounts.services import left_behind, sessions, users
from accounts.services.left_behind import LeftBehind
from tpi_site.kit.errors import Forbidden, Invalid, NotFound

MAX_PASSWORD = 1024
INSTANCE_ROLES = [(role.value, role.value.replace("-", " ").capitalize()) for role in InstanceRole]


class UserSerializer(serializers.ModelSerializer[User]):
    """An account."""

    name = serializers.CharField(source="username", read_only=True, help_text="The same as `username`.")
    email = serializers.CharField(read_only=True, help_text="Empty where none is known.")
    kind = serializers.CharField(read_only=True, help_text="`person`, or `service` for a program's account.")
    instance_roles = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = (
            "name",
            "username",
            "email",
            "first_name",
            "last_name",
            "is_active",
            "is_superuser",
            "kind",
            "instance_roles",
            "is_break_glass",
            "date_joined",
            "last_login",
        )
        read_only_fields = fields

    def get_instance_roles(self, user: User) -> list[str]:
        """The parts that the account plays for the whole instance."""
        return role_words(roles_from_mask(user.instance_roles))


class NewUserSerializer(StrictSerializer):
    """A new account; without a password it can be used through tokens only."""

    username = TextField(max_length=150)
    email = serializers.EmailField(max_length=254, allow_blank=True, default="")
    password = TextField(max_length=MAX_PASSWORD, trim_whitespace=False, required=False, write_only=True)
    is_superuser = FlagField(default=False, help_text="Whether it administers the instance.")


class UserChangeSerializer(StrictSerializer):
    """What may be changed of an account."""

    email = serializers.EmailField(max_length=254, allow_blank=True)
    first_name = TextField(max_length=150, allow_blank=True)
    last_name = TextField(max_length=150, allow_blank=True)
    is_active = FlagField(help_text="False ends the use of the account at once, and its tokens for good.")
    is_superuser = FlagField()
    instance_roles = WordsField(
        child=serializers.ChoiceField(choices=INSTANCE_ROLES), help_text="In the place of those held before."
    )
    is_break_glass = FlagField(help_text="Whether this administrator is for the day the directory is down.")


class PasswordSerializer(StrictSerializer):
    """A new password, and for one's own account the one that it replaces."""

    password = TextField(max_length=MAX_PASSWORD, trim_whitespace=False, write_only=True)
    present = TextField(
        max_length=MAX_PASSWORD,
        trim_whitespace=False,
        allow_blank=True,
        default="",
        write_only=True,
        help_text="The password until now; needed for one's own account.",
    )


class LeftBehindSerializer(serializers.Serializer[LeftBehind]):
    """A thing in somebody's name."""

    kind = serializers.CharField(read_only=True, help_text="For example `token`, `team`, `project` or `index`.")
    name = serializers.CharField(read_only=True)
    sentence = serializers.CharField(read_only=True, help_text="What about it, and what to do.")


class LeftBehindListSerializer(serializers.Serializer[Any]):
    """All of them; the list is never paged."""

    results = LeftBehindSerializer(many=True, read_only=True)
    next = serializers.URLField(allow_null=True, read_only=True)


class UserFilter(Filters):
    """Filters of the list of accounts."""

    username = filters.CharFilter(lookup_expr="istartswith", max_length=150, label="Begins with.")
    is_active = FlagFilter(label="Whether the account may be used.")
    is_superuser = FlagFilter(label="Whether the account administers the instance.")


_EXAMPLE = OpenApiExample(
    "A developer",
    value={"username": "alice", "email": "alice@tpi.example", "password": "correct-horse-battery"},
    request_only=True,
)


@extend_schema(tags=["Users"])
class UserViewSet(Resource):
    """Accounts; who reads everything sees all, others see themselves."""

    model = User
    ordering = "username"
    serializer_class = UserSerializer
    filterset_class = UserFilter

    def rows(self) -> QuerySet[User]:
        """The visible accounts."""
        return permissions.users_visible_to(self.actor)

    @extend_schema(summary="List accounts")
    def list(self, request: Request) -> Response:
        """Administrators, security officers and auditors get all accounts, others their own."""
        return self.listed()

    @extend_schema(
        summary="Create an account", request=NewUserSerializer, responses={201: UserSerializer}, examples=[_EXAMPLE]
    )
    def create(self, request: Request) -> Response:
        """Administrators of the instance make accounts."""
        permissions.require_administrator(self.actor, "create accounts")
        user = users.create(actor=self.actor, **self.body(NewUserSerializer))
        return self.created(user, reverse("api:user", args=[user.username]))

    @extend_schema(summary="Read an account")
    def retrieve(self, request: Request, username: str) -> Response:
        """One account."""
        return self.shown(user_for(self.actor, username))

    @extend_schema(summary="Change an account", request=UserChangeSerializer, responses=UserSerializer)
    def partial_update(self, request: Request, username: str) -> Response:
        """Administrators change everything here; a security officer may disable an account that is no administrator's."""
        user = user_for(self.actor, username)
        changes = self.changes(UserChangeSerializer)
        if "instance_roles" in changes:
            changes["instance_roles"] = parse_roles(changes["instance_roles"])
        return self.shown(users.change(actor=self.actor, user=user, **changes))

    @extend_schema(summary="Delete an account", responses={204: None})
    def destroy(self, request: Request, username: str) -> Response:
        """Delete an account with its tokens, memberships and roles; what it published stays."""
        users.delete(actor=self.actor, user=user_for(self.actor, username))
        return gone()

    @extend_schema(summary="Set a password", request=PasswordSerializer, responses={204: None})
    def set_password(self, request: Request, username: str) -> Response:
        """Give an account a new password; people do so for themselves, administrators for anyone, nobody with a token."""
        user = user_for(self.actor, username)
        users.set_password(actor=self.actor, user=user, **self.body(PasswordSerializer))
        return gone()

    @extend_schema(summary="End all sessions", responses={204: None})
    def end_sessions(self, request: Request, username: str) -> Response:
        """Sign a person out of every browser; for oneself, administrators and security officers. Tokens go on."""
        sessions.end_all(actor=self.actor, user=_user_for_sessions(self.actor, username))
        return gone()

    @extend_schema(summary="List what an account leaves behind", responses=LeftBehindListSerializer)
    def left_behind(self, request: Request, username: str) -> Response:
        """What is in the account's name and may need somebody else, for who reads everything."""
        permissions.require_reader_of_everything(self.actor, "see what an account leaves behind")
        things = left_behind.report(user_for(self.actor, username))
        return Response({"results": [asdict(thing) for thing in things], "next": None})


def _user_for_sessions(actor: Actor, username: str) -> User:
    """A security officer may name anybody, though the list of accounts is for administrators."""
    found = User.objects.filter(username=username).first() if permissions.may_end_sessions(actor) else None
    return found or user_for(actor, username)


def user_for(actor: Actor, username: str) -> User:
    """The account of that name; who may not see all accounts is refused alike whether or not it exists."""
    found = permissions.users_visible_to(actor).filter(username=username).first()
    if found is not None:
        return found
    if actor.reads_everything:
        raise NotFound(f"There is no account named '{username}'.", code="user-unknown")
    raise Forbidden(f"You may not see or change the account '{username}'.", code="right-missing")


def user_named(username: str) -> User:
    """The account that a body names; ask only for actors who may act upon accounts of any name."""
    found = User.objects.filter(username=username).first()
    if found is None:
        raise Invalid(f"There is no account named '{username}'.", code="user-unknown")
    return found
