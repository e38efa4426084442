"""``/indexes/``: the places that packages are published to and installed from."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from django.urls import get_script_prefix, reverse
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.bodies import FlagField, NoBodySerializer, NumberField, StrictSerializer, TextField, WordsField
from accounts.api.filtering import Filters, FlagFilter
from accounts.api.resources import Resource, gone
from accounts.domain.verbs import Verb
from accounts.permissions import require_administrator
from indexapp.api.v1 import access
from indexapp.api.v1.readers import SignedInOrPublic
from indexapp.api.v1.upstreams import UpstreamSettingsSerializer
from indexapp.models import GroupMember, Index
from indexapp.services import indexes
from indexapp.services.pages import access as pages
from tpi_site.kit.public_urls import public_url

_MOST_BYTES = 2**63 - 1
_MOST_DAYS = 36_500


class IndexSerializer(serializers.ModelSerializer[Index]):
    """An index and its policy; sizes are in bytes, null stands for the installation's own limit."""

    members = serializers.SerializerMethodField(help_text="Of a group: the indexes that it resolves, in order.")
    allowed_platforms = serializers.ListField(child=serializers.CharField(), read_only=True)
    simple_url = serializers.SerializerMethodField(help_text="For installers.")
    upload_url = serializers.SerializerMethodField(help_text="For publishers.")

    class Meta:
        model = Index
        fields = (
            "name",
            "title",
            "kind",
            "is_default",
            "members",
            "anonymous_read",
            "allow_passwords",
            "project_creation",
            "profile",
            "max_file_size",
            "max_project_size",
            "closing_window_days",
            "allowed_platforms",
            "created_at",
            "simple_url",
            "upload_url",
        )
        read_only_fields = fields

    def get_members(self, index: Index) -> list[str]:
        """The names of the members that the reader may see."""
        return [row.member.name for row in index.group_members.all()]

    def get_simple_url(self, index: Index) -> str:
        """The address of the Simple API."""
        return self._url(f"{index.name}/simple/")

    def get_upload_url(self, index: Index) -> str:
        """The address of the upload API."""
        return self._url(f"{index.name}/legacy/")

    def _url(self, path: str) -> str:
        return public_url(self.context["request"]._request, f"{get_script_prefix()}{path}")


class IndexChangeSerializer(StrictSerializer):
    """What may be changed of an index."""

    title = TextField(max_length=200, allow_blank=True, required=False)
    anonymous_read = FlagField(required=False, help_text="Whether everybody may install.")
    allow_passwords = FlagField(required=False, help_text="False takes API tokens only.")
    project_creation = serializers.ChoiceField(choices=Index.ProjectCreation.choices, required=False)
    profile = serializers.ChoiceField(choices=Index.Profile.choices, required=False, help_text="The upload rules.")
    max_file_size = NumberField(
        min_value=1, max_value=_MOST_BYTES, allow_null=True, required=False, help_text="Bytes of one file."
    )
    max_project_size = NumberField(
        min_value=1, max_value=_MOST_BYTES, allow_null=True, required=False, help_text="Bytes of a project's files."
    )
    closing_window_days = NumberField(
        min_value=0,
        max_value=_MOST_DAYS,
        allow_null=True,
        required=False,
        help_text="Releases older than this take no more files.",
    )
    allowed_platforms = WordsField(
        child=TextField(max_length=100), required=False, help_text="Patterns such as `manylinux*`."
    )
    members = WordsField(child=TextField(max_length=64), required=False, help_text="Of a group: names, in order.")


class NewIndexSerializer(IndexChangeSerializer):
    """A new index; a name is enough for a private hosted one."""

    name = TextField(max_length=64, help_text="Lower-case letters, digits and hyphens.")
    kind = serializers.ChoiceField(choices=Index.Kind.choices, default=Index.Kind.HOSTED)
    upstream = UpstreamSettingsSerializer(required=False, help_text="Of a mirror; without it, it mirrors PyPI.")


class IndexFilter(Filters):
    """Filters of the list of indexes."""

    kind = filters.ChoiceFilter(choices=Index.Kind.choices, label="Where its projects come from.")
    is_default = FlagFilter(label="Whether it is served at `/simple/`.")


_CONFIRM = OpenApiParameter("confirm", str, description="The name of a mirror that is to go with all that it holds.")
_EXAMPLES = [
    OpenApiExample("The smallest", value={"name": "research"}, request_only=True),
    OpenApiExample(
        "A group", value={"name": "all", "kind": "group", "members": ["main", "research"]}, request_only=True
    ),
    OpenApiExample("A mirror of PyPI", value={"name": "pypi-mirror", "kind": "mirror"}, request_only=True),
]


@extend_schema(tags=["Indexes"])
class IndexViewSet(Resource):
    """Indexes; one is visible when anything in it is."""

    permission_classes = (SignedInOrPublic,)
    model = Index
    ordering = "name"
    serializer_class = IndexSerializer
    filterset_class = IndexFilter

    def rows(self) -> QuerySet[Index]:
        """The visible indexes with those of their members that are visible too; operators see all, for their settings."""
        visible = [index.pk for index in self._known()]
        members = GroupMember.objects.filter(member__in=visible).select_related("member")
        return Index.objects.filter(pk__in=visible).prefetch_related(Prefetch("group_members", members))

    def _known(self) -> Iterable[Index]:
        """Operators set indexes up without a right to anything in them."""
        if self.actor.may_operate and Verb.READ not in self.actor.verbs_everywhere:
            return Index.objects.all()
        return pages.visible_indexes(self.actor)

    @extend_schema(summary="List indexes")
    def list(self, request: Request) -> Response:
        """The indexes in which you may see anything."""
        return self.listed()

    @extend_schema(
        summary="Create an index", request=NewIndexSerializer, responses={201: IndexSerializer}, examples=_EXAMPLES
    )
    def create(self, request: Request) -> Response:
        """Administrators of the instance make indexes."""
        require_administrator(self.actor, "create indexes")
        index = indexes.create(actor=self.actor, **self.body(NewIndexSerializer))
        return self.created(index, reverse("api:index", args=[index.name]))

    @extend_schema(summary="Read an index")
    def retrieve(self, request: Request, index: str) -> Response:
        """One index."""
        served = (access.index_to_configure if self.actor.may_operate else access.index_to_read)(self.actor, index)
        return self.shown(get_object_or_404(self.rows(), pk=served.pk))

    @extend_schema(summary="Change an index", request=IndexChangeSerializer, responses=IndexSerializer)
    def partial_update(self, request: Request, index: str) -> Response:
        """Who administers the index changes its policy; `members` replaces a group's list."""
        row = access.index_to_configure(self.actor, index)
        return self.shown(indexes.change(actor=self.actor, index=row, **self.changes(IndexChangeSerializer)))

    @extend_schema(summary="Delete an index", responses={204: None}, parameters=[_CONFIRM])
    def destroy(self, request: Request, index: str) -> Response:
        """Only an index that is in no group, and empty or a mirror, can be deleted."""
        row = access.index_to_change(self.actor, index)
        self.require_known_parameters("confirm")
        indexes.delete(actor=self.actor, index=row, typed=request.query_params.get("confirm", ""))
        return gone()

    @extend_schema(summary="Make an index the default", request=NoBodySerializer, responses=IndexSerializer)
    def make_default(self, request: Request, index: str) -> Response:
        """Serve it at `/simple/` and `/legacy/`."""
        row = access.index_to_change(self.actor, index)
        self.body(NoBodySerializer)
        indexes.make_default(actor=self.actor, index=row)
        return self.shown(row)
