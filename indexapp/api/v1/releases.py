"""``…/releases/``: the versions of a project."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.bodies import NoBodySerializer, ReasonSerializer
from accounts.api.filtering import Filters, FlagFilter
from accounts.api.resources import Resource, gone
from accounts.domain.verbs import Verb
from indexapp.api.v1 import access
from indexapp.api.v1.files import FileSerializer
from indexapp.api.v1.readers import SignedInOrPublic
from indexapp.models import File, Release
from indexapp.services import releases
from indexapp.services.policies import sight


class ReleaseSerializer(serializers.ModelSerializer[Release]):
    """A version of a project."""

    name = serializers.CharField(source="version", read_only=True, help_text="The same as `version`.")
    index = serializers.CharField(source="project.index.name", read_only=True)
    project = serializers.CharField(source="project.normalized_name", read_only=True)

    class Meta:
        model = Release
        fields: tuple[str, ...] = (
            "name",
            "version",
            "index",
            "project",
            "is_prerelease",
            "is_yanked",
            "yank_reason",
            "summary",
            "requires_python",
            "created_at",
        )
        read_only_fields = fields


class WholeReleaseSerializer(ReleaseSerializer):
    """A version with its core metadata and its files."""

    metadata = serializers.DictField(read_only=True, help_text="Core metadata without the description.")
    files = serializers.SerializerMethodField()

    class Meta(ReleaseSerializer.Meta):
        fields = (*ReleaseSerializer.Meta.fields, "metadata", "files")
        read_only_fields = fields

    @extend_schema_field(FileSerializer(many=True))
    def get_files(self, release: Release) -> Any:
        """The files, by name."""
        rows = File.objects.shown().filter(release=release).select_related("index", "project", "release")
        if hidden := self.context["hidden"]:
            rows = rows.exclude(filename__in=hidden)
        return FileSerializer(rows, many=True, context=self.context).data


class ReleaseFilter(Filters):
    """Filters of the list of releases."""

    yanked = FlagFilter(field_name="is_yanked", label="Whether the release is marked.")
    prerelease = FlagFilter(field_name="is_prerelease", label="Whether it comes before a final release.")


_REASON = OpenApiExample("With a reason", value={"reason": "Breaks on Python 3.13."}, request_only=True)


@extend_schema(tags=["Releases"])
class ReleaseViewSet(Resource):
    """The releases of a project."""

    permission_classes = (SignedInOrPublic,)
    model = Release
    ordering = "-sort_key"
    serializer_class = ReleaseSerializer
    filterset_class = ReleaseFilter

    def rows(self) -> QuerySet[Release]:
        """The visible releases of the project in the address."""
        project = access.project_to_read(self.actor, self.kwargs["index"], self.kwargs["project"])
        rows = Release.objects.visible_to(self.actor).filter(project=project)
        if hidden := sight.of_project(self.kwargs["index"], project).hidden_versions:
            rows = rows.exclude(version__in=hidden)
        return rows.select_related("project__index").defer("metadata")

    @extend_schema(summary="List releases")
    def list(self, request: Request, index: str, project: str) -> Response:
        """The highest version first, as PEP 440 orders them."""
        return self.listed()

    @extend_schema(summary="Read a release", responses=WholeReleaseSerializer)
    def retrieve(self, request: Request, index: str, project: str, version: str) -> Response:
        """One release; any spelling of its version will do."""
        home = access.project_to_read(self.actor, index, project)
        release = access.release_to_read(self.actor, home, version)
        seen = sight.of_project(index, home)
        if release.version in seen.hidden_versions:
            raise access.none_of(home, version)
        context = {**self.get_serializer_context(), "hidden": seen.hidden_files}
        return Response(WholeReleaseSerializer(release, context=context).data)

    @extend_schema(summary="Delete a release", responses={204: None})
    def destroy(self, request: Request, index: str, project: str, version: str) -> Response:
        """Delete it with its files; their names stay refused."""
        releases.delete(actor=self.actor, release=self._to_change(Verb.DELETE))
        return gone()

    @extend_schema(summary="Yank a release", request=ReasonSerializer, responses=ReleaseSerializer, examples=[_REASON])
    def yank(self, request: Request, index: str, project: str, version: str) -> Response:
        """Installers take it only when it is asked for exactly (PEP 592)."""
        release = self._to_change(Verb.YANK)
        reason = self.body(ReasonSerializer)["reason"]
        return self.shown(releases.yank(actor=self.actor, release=release, reason=reason))

    @extend_schema(summary="Unyank a release", request=NoBodySerializer, responses=ReleaseSerializer)
    def unyank(self, request: Request, index: str, project: str, version: str) -> Response:
        """Take the mark away."""
        release = self._to_change(Verb.YANK)
        self.body(NoBodySerializer)
        return self.shown(releases.unyank(actor=self.actor, release=release))

    def _to_change(self, verb: Verb) -> Release:
        names = self.kwargs
        return access.release_to_change(self.actor, names["index"], names["project"], names["version"], verb)
