"""``/indexes/<index>/projects/``: what is published in an index."""

from __future__ import annotations

from django.db.models import OuterRef, QuerySet, Subquery
from django.urls import reverse
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.bodies import ReasonSerializer, StrictSerializer, TextField
from accounts.api.filtering import Filters
from accounts.api.resources import Resource, gone
from accounts.api.teams import team_named
from accounts.domain.verbs import Verb
from indexapp.api.v1 import access
from indexapp.api.v1.readers import SignedInOrPublic
from indexapp.domain.names import normalize_name
from indexapp.models import Project, Release
from indexapp.services import projects, quota_settings, search, summaries
from indexapp.services.pages import lists
from indexapp.services.policies import sight
from indexapp.services.serving import watermarks

Status = Project.Status


class ProjectSerializer(serializers.ModelSerializer[Project]):
    """A project; `total_size` is in bytes, `last_serial` that of its last change."""

    index = serializers.CharField(source="index.name", read_only=True)
    latest_version = serializers.SerializerMethodField(help_text="What an installer would take; null without releases.")

    class Meta:
        model = Project
        fields = (
            "name",
            "normalized_name",
            "index",
            "status",
            "status_reason",
            "summary",
            "latest_version",
            "total_size",
            "last_serial",
            "created_at",
        )
        read_only_fields = fields

    def get_latest_version(self, project: Project) -> str | None:
        """The version that an installer would take."""
        view = self.context["view"]
        hidden = sight.of_project(view.kwargs["index"], project, getattr(view, "watermark", None)).hidden_versions
        latest: str | None = getattr(project, "latest", None)
        if hasattr(project, "latest") and latest not in hidden:
            return latest
        release = summaries.latest_release(project, hidden)
        return release.version if release else None


class NewProjectSerializer(StrictSerializer):
    """A new project, empty until something is uploaded."""

    name = TextField(max_length=100)


class AssignmentSerializer(StrictSerializer):
    """For which team a project counts."""

    team = TextField(max_length=64, allow_null=True, help_text="The team's name; null for none.")


class ProjectFilter(Filters):
    """Filters of the list of projects."""

    name = filters.CharFilter(method="beginning", max_length=100, label="Begins with, in any spelling.")
    status = filters.ChoiceFilter(choices=Status.choices, label="PEP 792 status marker.")
    q = filters.CharFilter(method="search", max_length=200, label="Words in the name or the summary.")

    def beginning(self, rows: QuerySet[Project], name: str, value: str) -> QuerySet[Project]:
        """Projects whose normalised name begins with the normalised ``value``."""
        prefix = normalize_name(value)
        return rows.filter(normalized_name__gte=prefix, normalized_name__startswith=prefix)

    def search(self, rows: QuerySet[Project], name: str, value: str) -> QuerySet[Project]:
        """Projects that the full-text search finds."""
        return search.matching(rows, value)


_EXAMPLE = OpenApiExample("A project", value={"name": "acme-tool"}, request_only=True)
_REASON = OpenApiExample("With a reason", value={"reason": "Use acme-tools instead."}, request_only=True)


@extend_schema(tags=["Projects"])
class ProjectViewSet(Resource):
    """The projects of an index; a group shows those that it resolves."""

    permission_classes = (SignedInOrPublic,)
    model = Project
    ordering = "normalized_name"
    serializer_class = ProjectSerializer
    filterset_class = ProjectFilter

    def rows(self) -> QuerySet[Project]:
        """The visible projects of the index in the address, with their index and latest version."""
        home = access.index_to_read(self.actor, self.kwargs["index"])
        access.require_token_where_needed(self.actor, home)
        self.watermark = watermarks.read()
        latest = Release.objects.shown().filter(project=OuterRef("pk")).order_by(*summaries.LATEST_FIRST)
        rows = lists.projects_of(home, self.actor, self.watermark).select_related("index")
        return rows.annotate(latest=Subquery(latest.values("version")[:1]))

    @extend_schema(summary="List projects")
    def list(self, request: Request, index: str) -> Response:
        """By normalised name."""
        return self.listed()

    @extend_schema(
        summary="Create a project",
        request=NewProjectSerializer,
        responses={201: ProjectSerializer},
        examples=[_EXAMPLE],
    )
    def create(self, request: Request, index: str) -> Response:
        """Reserve a name before the first upload; who may is the index's policy."""
        home = access.index_to_publish_to(self.actor, index)
        project = projects.create(actor=self.actor, index=home, name=self.body(NewProjectSerializer)["name"])
        return self.created(project, reverse("api:project", args=[index, project.normalized_name]))

    @extend_schema(summary="Read a project")
    def retrieve(self, request: Request, index: str, project: str) -> Response:
        """One project; any spelling of its name will do."""
        return self.shown(access.project_to_read(self.actor, index, project))

    @extend_schema(summary="Delete a project", responses={204: None})
    def destroy(self, request: Request, index: str, project: str) -> Response:
        """Delete it with all its files; their names stay refused."""
        row = access.project_to_change(self.actor, index, project, Verb.DELETE)
        projects.delete(actor=self.actor, project=row)
        return gone()

    @extend_schema(
        summary="Archive a project", request=ReasonSerializer, responses=ProjectSerializer, examples=[_REASON]
    )
    def archive(self, request: Request, index: str, project: str) -> Response:
        """It stays installable and takes no more uploads."""
        return self._set_status(Status.ARCHIVED)

    @extend_schema(
        summary="Deprecate a project", request=ReasonSerializer, responses=ProjectSerializer, examples=[_REASON]
    )
    def deprecate(self, request: Request, index: str, project: str) -> Response:
        """It stays as it is, with a mark that says not to begin with it."""
        return self._set_status(Status.DEPRECATED)

    @extend_schema(
        summary="Quarantine a project", request=ReasonSerializer, responses=ProjectSerializer, examples=[_REASON]
    )
    def quarantine(self, request: Request, index: str, project: str) -> Response:
        """Nothing of it can be installed until who administers the index clears it."""
        return self._set_status(Status.QUARANTINED)

    @extend_schema(summary="Clear a project", request=ReasonSerializer, responses=ProjectSerializer)
    def clear(self, request: Request, index: str, project: str) -> Response:
        """Make it active again."""
        return self._set_status(Status.ACTIVE)

    @extend_schema(summary="Let a project count for a team", request=AssignmentSerializer, responses=ProjectSerializer)
    def assign(self, request: Request, index: str, project: str) -> Response:
        """Operators decide for whose quota its files count; it gives the team no right."""
        row = access.project_to_account(self.actor, index, project)
        name = self.body(AssignmentSerializer)["team"]
        team = team_named(name) if name is not None else None
        return self.shown(quota_settings.assign(actor=self.actor, project=row, team=team))

    def _set_status(self, status: str) -> Response:
        row = access.project_to_judge(self.actor, self.kwargs["index"], self.kwargs["project"])
        reason = self.body(ReasonSerializer)["reason"]
        return self.shown(projects.set_status(actor=self.actor, project=row, status=status, reason=reason))
