"""``/directories/<directory>/test/``, ``plan/``, ``sync/`` and ``syncs/``: what is started by hand, and what came of it."""

from __future__ import annotations

from dataclasses import asdict

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permissions
from accounts.api.bodies import FlagField, NoBodySerializer, StrictSerializer, TextField
from accounts.api.directories import directory_for
from accounts.api.filtering import Filters, FlagFilter
from accounts.api.resources import Resource
from accounts.models import DirectorySync
from accounts.services.directories import checks
from accounts.services.directories.sync import asking
from tpi_site.kit.errors import NotFound


class SyncSerializer(serializers.ModelSerializer[DirectorySync]):
    """A sync, or a dry run, in figures."""

    directory = serializers.CharField(source="directory.name", read_only=True)

    class Meta:
        model = DirectorySync
        fields: tuple[str, ...] = (
            "id",
            "directory",
            "state",
            "dry_run",
            "started_at",
            "ended_at",
            "found",
            "added",
            "changed",
            "removed",
            "memberships_added",
            "memberships_removed",
            "sentence",
        )
        read_only_fields = fields


class DifferenceSerializer(serializers.Serializer[dict[str, object]]):
    """What was, or would be, done about one person."""

    person = serializers.CharField(read_only=True)
    did = serializers.ListField(child=serializers.CharField(), read_only=True)


class SyncReportSerializer(SyncSerializer):
    """A sync with its report, which is cut at a thousand people."""

    differences = DifferenceSerializer(many=True, read_only=True)

    class Meta(SyncSerializer.Meta):
        fields = (*SyncSerializer.Meta.fields, "differences")
        read_only_fields = fields


class TestSerializer(StrictSerializer):
    """Whom to look for."""

    username = TextField(max_length=150, allow_blank=True, default="", help_text="Empty: anybody.")


class StepSerializer(serializers.Serializer[dict[str, object]]):
    """One step of a test; `ok` is null for one that was not reached."""

    step = serializers.ChoiceField(choices=checks.STEPS, read_only=True)
    ok = serializers.BooleanField(allow_null=True, read_only=True)
    sentence = serializers.CharField(read_only=True)


class FoundGroupSerializer(serializers.Serializer[dict[str, object]]):
    """A group of the person who was found."""

    dn = serializers.CharField(read_only=True)
    gives = serializers.ListField(child=serializers.CharField(), read_only=True, help_text="What it is mapped to.")


class StepsSerializer(serializers.Serializer[dict[str, object]]):
    """All five steps, and the groups of the person who was found."""

    steps = StepSerializer(many=True, read_only=True)
    person = serializers.CharField(read_only=True, help_text="Empty where nobody was reached.")
    groups = FoundGroupSerializer(many=True, read_only=True)
    warning = serializers.CharField(read_only=True, help_text="What is not wrong and probably not meant; else empty.")


class SyncRequestSerializer(StrictSerializer):
    """How to sync."""

    accept_removals = FlagField(default=False, help_text="Go on where a sync paused, and remove all that it would.")


class JobSerializer(serializers.Serializer[dict[str, str]]):
    """A job that waits on the queue."""

    job = serializers.CharField(read_only=True, help_text="What the console's lists of jobs call it.")


class SyncFilter(Filters):
    """Filters of the list of syncs."""

    state = filters.ChoiceFilter(choices=DirectorySync.State.choices, label="Where it stands.")
    dry_run = FlagFilter(label="Whether it changed nothing.")


@extend_schema(tags=["Directories"])
class DirectoryJobViewSet(Resource):
    """What operators and administrators start at a directory, and the reports."""

    model = DirectorySync
    ordering = "-pk"
    serializer_class = SyncSerializer
    filterset_class = SyncFilter

    def rows(self) -> QuerySet[DirectorySync]:
        """The directory's syncs, without their reports."""
        return self._syncs().defer("differences", "cursor")

    def _syncs(self) -> QuerySet[DirectorySync]:
        directory = directory_for(self.actor, self.kwargs["directory"])
        return DirectorySync.objects.filter(directory=directory).select_related("directory")

    @extend_schema(summary="Test a directory", request=TestSerializer, responses=StepsSerializer)
    def test(self, request: Request, directory: str) -> Response:
        """Each step of a sign-in and of a sync, with a sentence; nothing is changed."""
        permissions.require_operator(self.actor, "test directories")
        row = directory_for(self.actor, directory)
        found = checks.check(row, self.body(TestSerializer)["username"])
        told = [{"step": step.name, "ok": step.is_good, "sentence": step.sentence} for step in found.steps]
        groups = [asdict(group) for group in found.groups]
        return Response({"steps": told, "person": found.person, "groups": groups, "warning": found.warning})

    @extend_schema(summary="Plan a sync", request=NoBodySerializer, responses={202: JobSerializer})
    def plan(self, request: Request, directory: str) -> Response:
        """A dry run as a job; its report is among the syncs when it has ended."""
        row = directory_for(self.actor, directory)
        self.body(NoBodySerializer)
        return _queued(asking.ask_plan(actor=self.actor, directory=row))

    @extend_schema(summary="Sync a directory", request=SyncRequestSerializer, responses={202: JobSerializer})
    def sync(self, request: Request, directory: str) -> Response:
        """A sync as a job; its report is among the syncs when it has ended."""
        row = directory_for(self.actor, directory)
        given = self.body(SyncRequestSerializer)
        job = asking.ask_sync(actor=self.actor, directory=row, accept_removals=given["accept_removals"])
        return _queued(job)

    @extend_schema(summary="List a directory's syncs")
    def list(self, request: Request, directory: str) -> Response:
        """The newest first; the differences are in each by itself."""
        return self.listed()

    @extend_schema(summary="Read a sync", responses=SyncReportSerializer)
    def retrieve(self, request: Request, directory: str, id: int) -> Response:  # noqa: A002  the name in the address
        """A sync with its differences."""
        found = self._syncs().filter(pk=id).first()
        if found is None:
            raise NotFound("There is no such sync of this directory.", code="sync-unknown")
        return Response(SyncReportSerializer(found).data)


def _queued(job: str) -> Response:
    return Response({"job": job}, status.HTTP_202_ACCEPTED)
