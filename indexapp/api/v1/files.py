"""``…/files/``: the files of a project, or of one release of it."""

from __future__ import annotations

from django.db.models import QuerySet
from django.urls import get_script_prefix
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.bodies import NoBodySerializer, ReasonSerializer
from accounts.api.filtering import Filters, FlagFilter
from accounts.api.resources import Resource, gone
from accounts.domain.verbs import Verb
from indexapp.api.v1 import access
from indexapp.api.v1.readers import SignedInOrPublic
from indexapp.domain.file_paths import file_path
from indexapp.models import File
from indexapp.services import releases
from indexapp.services.policies import sight
from tpi_site.kit.public_urls import public_url

KINDS = [("bdist_wheel", "Wheel"), ("sdist", "Source distribution")]


class FileSerializer(serializers.ModelSerializer[File]):
    """A distribution file; `size` is in bytes, digests are hexadecimal."""

    name = serializers.CharField(source="filename", read_only=True, help_text="The same as `filename`.")
    index = serializers.CharField(source="index.name", read_only=True)
    project = serializers.CharField(source="project.normalized_name", read_only=True)
    version = serializers.CharField(source="release.version", read_only=True)
    url = serializers.SerializerMethodField(help_text="Where it is downloaded; it never changes.")

    class Meta:
        model = File
        fields = (
            "name",
            "filename",
            "index",
            "project",
            "version",
            "kind",
            "python_tag",
            "size",
            "sha256",
            "blake2b_256",
            "md5",
            "requires_python",
            "is_yanked",
            "yank_reason",
            "comment",
            "uploaded_at",
            "uploaded_by",
            "url",
        )
        read_only_fields = fields

    def get_url(self, file: File) -> str:
        """The address of the bytes."""
        path = f"{file.index.name}/files/{file_path(file.sha256, file.filename)}"
        return public_url(self.context["request"]._request, f"{get_script_prefix()}{path}")


class FileFilter(Filters):
    """Filters of the list of files."""

    kind = filters.ChoiceFilter(choices=KINDS, label="Wheels or source distributions.")
    yanked = FlagFilter(field_name="is_yanked", label="Whether the file itself is marked.")


@extend_schema(tags=["Files"])
class FileViewSet(Resource):
    """The files of a project; below a release only its own."""

    permission_classes = (SignedInOrPublic,)
    model = File
    ordering = "filename"
    serializer_class = FileSerializer
    filterset_class = FileFilter

    def rows(self) -> QuerySet[File]:
        """The visible files of the project or release in the address."""
        names = self.kwargs
        project = access.project_to_read(self.actor, names["index"], names["project"])
        rows = File.objects.visible_to(self.actor).filter(project=project).select_related("index", "project", "release")
        if "version" in names:
            rows = rows.filter(release=access.release_to_read(self.actor, project, names["version"]))
        hidden = sight.of_project(names["index"], project).hidden_files
        return rows.exclude(filename__in=hidden) if hidden else rows

    @extend_schema(summary="List files")
    def list(self, request: Request, index: str, project: str, version: str | None = None) -> Response:
        """By file name."""
        return self.listed()

    @extend_schema(summary="Read a file's row")
    def retrieve(
        self, request: Request, index: str, project: str, filename: str, version: str | None = None
    ) -> Response:
        """What is known of the file; its bytes are at `url`."""
        home = access.project_to_read(self.actor, index, project)
        file = access.file_to_read(self.actor, home, filename, version)
        if file.filename in sight.of_project(index, home).hidden_files:
            raise access.none_of(home, filename)
        return self.shown(file)

    @extend_schema(summary="Delete a file", responses={204: None})
    def destroy(
        self, request: Request, index: str, project: str, filename: str, version: str | None = None
    ) -> Response:
        """Its name stays refused; a release may be left without files."""
        releases.delete_file(actor=self.actor, file=self._to_change(Verb.DELETE))
        return gone()

    @extend_schema(summary="Yank a file", request=ReasonSerializer, responses=FileSerializer)
    def yank(self, request: Request, index: str, project: str, filename: str, version: str | None = None) -> Response:
        """Installers take it only when it is asked for exactly (PEP 592)."""
        file = self._to_change(Verb.YANK)
        reason = self.body(ReasonSerializer)["reason"]
        return self.shown(releases.yank_file(actor=self.actor, file=file, reason=reason))

    @extend_schema(summary="Unyank a file", request=NoBodySerializer, responses=FileSerializer)
    def unyank(self, request: Request, index: str, project: str, filename: str, version: str | None = None) -> Response:
        """Take the file's own mark away; that of its release stays."""
        file = self._to_change(Verb.YANK)
        self.body(NoBodySerializer)
        return self.shown(releases.unyank_file(actor=self.actor, file=file))

    def _to_change(self, verb: Verb) -> File:
        names = self.kwargs
        return access.file_to_change(
            self.actor, names["index"], names["project"], names["filename"], names.get("version"), verb
        )
