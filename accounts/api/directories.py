"""``/directories/``: the LDAP and Active Directory servers that people sign in through."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.urls import reverse
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permissions
from accounts.api.bodies import FlagField, NumberField, StrictSerializer, TextField
from accounts.api.filtering import Filters, FlagFilter
from accounts.api.resources import Resource
from accounts.domain.actors import Actor
from accounts.models import Directory, FormerDirectory
from accounts.services.directories import removal, settings
from tpi_site.kit.errors import NotFound

_DN = 500
_FILTER = 1000
_MOST_CERTIFICATES = 100_000


class RemovalSerializer(serializers.ModelSerializer[FormerDirectory]):
    """How far the removal of a directory has come."""

    class Meta:
        model = FormerDirectory
        fields = ("began_at", "people", "ended")
        read_only_fields = fields
        extra_kwargs: ClassVar = {
            "people": {"help_text": "How many accounts it had."},
            "ended": {"help_text": "How many of them are done."},
        }


class DirectorySerializer(serializers.ModelSerializer[Directory]):
    """A directory, without the bind account's password."""

    removal = RemovalSerializer(
        read_only=True, allow_null=True, help_text="Null, unless it is being removed; then nobody of it is let in."
    )
    has_bind_password = serializers.SerializerMethodField(help_text="Whether one is kept; it is never shown.")

    class Meta:
        model = Directory
        fields = (
            "name",
            "title",
            "kind",
            "origin",
            "place",
            "enabled",
            "hosts",
            "security",
            "ca_certificates",
            "verify_certificate",
            "timeout",
            "bind",
            "bind_dn",
            "has_bind_password",
            "user_template",
            "user_base",
            "user_filter",
            "name_attribute",
            "group_base",
            "group_filter",
            "nesting",
            "only_mapped",
            "page_size",
            "removal_limit",
            "created_at",
            "last_ok_at",
            "failing_since",
            "failure",
            "paused_at",
            "removal",
        )
        read_only_fields = fields

    def get_has_bind_password(self, row: Directory) -> bool:
        """Whether a password is kept."""
        return bool(row.bind_password)


class DirectoryChangeSerializer(StrictSerializer):
    """What may be changed of a directory; what is left out of a new one has its default."""

    title = TextField(max_length=200, allow_blank=True, required=False)
    kind = serializers.ChoiceField(choices=Directory.Kind.choices, required=False)
    place = NumberField(min_value=0, max_value=32767, required=False, help_text="The lowest is asked first.")
    enabled = FlagField(required=False)
    hosts = TextField(max_length=500, required=False, help_text="`host` or `host:port`, with spaces between.")
    security = serializers.ChoiceField(choices=Directory.Security.choices, required=False)
    ca_certificates = TextField(
        max_length=_MOST_CERTIFICATES, allow_blank=True, required=False, help_text="PEM; empty: the system's."
    )
    verify_certificate = FlagField(required=False)
    timeout = NumberField(min_value=1, max_value=120, required=False, help_text="Seconds for one host.")
    bind = serializers.ChoiceField(choices=Directory.Bind.choices, required=False)  # type: ignore[assignment]  # no method then
    bind_dn = TextField(max_length=_DN, allow_blank=True, required=False)
    bind_password = TextField(
        max_length=1024,
        allow_blank=True,
        trim_whitespace=False,
        required=False,
        write_only=True,
        help_text="Kept sealed and never shown; left out, the one that is there stays.",
    )
    user_template = TextField(max_length=_DN, allow_blank=True, required=False)
    user_base = TextField(max_length=_DN, required=False)
    user_filter = TextField(max_length=_FILTER, allow_blank=True, required=False)
    name_attribute = TextField(max_length=64, allow_blank=True, required=False)
    group_base = TextField(max_length=_DN, allow_blank=True, required=False)
    group_filter = TextField(max_length=_FILTER, allow_blank=True, required=False)
    nesting = serializers.ChoiceField(choices=Directory.Nesting.choices, required=False)
    only_mapped = FlagField(required=False)
    page_size = NumberField(min_value=1, max_value=32767, required=False)
    removal_limit = NumberField(min_value=1, max_value=100, required=False, help_text="Percent.")


class NewDirectorySerializer(DirectoryChangeSerializer):
    """A new directory."""

    name = TextField(max_length=64, help_text="Lower-case letters, digits and hyphens.")
    hosts = TextField(max_length=500, help_text="`host` or `host:port`, with spaces between.")
    user_base = TextField(max_length=_DN, help_text="The entry below which people are.")


class DirectoryFilter(Filters):
    """Filters of the list of directories."""

    enabled = FlagFilter(label="Whether it takes part in sign-ins.")
    kind = filters.ChoiceFilter(choices=Directory.Kind.choices, label="What kind of server.")


_EXAMPLE = OpenApiExample(
    "An OpenLDAP server",
    value={
        "name": "corp",
        "hosts": "ldap1.tpi.example ldap2.tpi.example",
        "bind_dn": "cn=tpi,ou=services,dc=tpi,dc=example",
        "bind_password": "the password of that account",
        "user_base": "ou=people,dc=tpi,dc=example",
        "group_base": "ou=groups,dc=tpi,dc=example",
    },
    request_only=True,
)


@extend_schema(tags=["Directories"])
class DirectoryViewSet(Resource):
    """Directories; operators see them, administrators configure them."""

    model = Directory
    ordering = "name"
    serializer_class = DirectorySerializer
    filterset_class = DirectoryFilter

    def rows(self) -> QuerySet[Directory]:
        """All, for who runs the installation; everybody else is refused."""
        permissions.require_sight_of_operation(self.actor, "see directories")
        return permissions.directories_visible_to(self.actor)

    @extend_schema(summary="List directories")
    def list(self, request: Request) -> Response:
        """All directories, by name."""
        return self.listed()

    @extend_schema(
        summary="Create a directory",
        request=NewDirectorySerializer,
        responses={201: DirectorySerializer},
        examples=[_EXAMPLE],
    )
    def create(self, request: Request) -> Response:
        """It takes part in sign-ins at once, unless `enabled` is false."""
        permissions.require_administrator(self.actor, "configure directories")
        row = settings.create(actor=self.actor, **self.body(NewDirectorySerializer))
        return self.created(row, reverse("api:directory", args=[row.name]))

    @extend_schema(summary="Read a directory")
    def retrieve(self, request: Request, directory: str) -> Response:
        """One directory, with how it is at this moment."""
        return self.shown(directory_for(self.actor, directory))

    @extend_schema(summary="Change a directory", request=DirectoryChangeSerializer, responses=DirectorySerializer)
    def partial_update(self, request: Request, directory: str) -> Response:
        """What is named is changed; one that variables of the environment configure is changed there."""
        permissions.require_administrator(self.actor, "configure directories")
        row = directory_for(self.actor, directory)
        changes: dict[str, Any] = self.changes(DirectoryChangeSerializer)
        return self.shown(settings.change(actor=self.actor, directory=row, **changes))

    @extend_schema(summary="Delete a directory", responses={202: DirectorySerializer})
    def destroy(self, request: Request, directory: str) -> Response:
        """Everybody who came through it is shut out at once; what they published stays.

        Their accounts are disabled and their tokens revoked by a job; `removal` tells how far it is, and the directory is
        gone when it has ended.
        """
        permissions.require_administrator(self.actor, "configure directories")
        row = directory_for(self.actor, directory)
        removal.delete(actor=self.actor, directory=row)
        return Response(self.get_serializer(row).data, status.HTTP_202_ACCEPTED)


def directory_for(actor: Actor, name: str) -> Directory:
    """The directory of that name, for who runs the installation."""
    permissions.require_sight_of_operation(actor, "see directories")
    found = permissions.directories_visible_to(actor).filter(name=name).first()
    if found is None:
        raise NotFound(f"There is no directory named '{name}'.", code="directory-unknown")
    return found
