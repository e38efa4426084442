"""``/backups/``, ``/drills/`` and ``/restorations/``: evidence that what is kept could be brought back."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_202_ACCEPTED

from accounts.api.bodies import NoBodySerializer
from accounts.api.directory_jobs import JobSerializer
from accounts.api.filtering import Filters, FlagFilter
from accounts.api.resources import Resource
from accounts.permissions import require_sight_of_operation
from indexapp.models import Backup, Drill, Restoration
from indexapp.services.backups import asking, drilling
from tpi_site.kit.errors import NotFound


class BackupSerializer(serializers.ModelSerializer[Backup]):
    """A backup that was begun; `lease_until` is until when garbage collection waits for it."""

    class Meta:
        model = Backup
        fields = (
            *("id", "name", "place", "kind", "state", "started_at", "finished_at", "lease_until"),
            *("contents", "copied", "copied_bytes", "damaged", "manifest_sha256", "sentence"),
        )
        read_only_fields = fields


class DrillSerializer(serializers.ModelSerializer[Drill]):
    """A restore into scratch; `report_sha256` is of the report as canonical JSON."""

    report = serializers.SerializerMethodField(
        help_text="What was seen; projects and files are named to who reads everything, others have figures."
    )

    def get_report(self, row: Drill) -> dict[str, Any]:
        """As far as it is for who asks."""
        return drilling.report_for(self.context["view"].actor, row)

    class Meta:
        model = Drill
        fields = (
            *("id", "backup_name", "place", "started_at", "seconds", "is_good", "contents", "installed"),
            *("sentence", "report", "report_sha256"),
        )
        read_only_fields = fields


class RestorationSerializer(serializers.ModelSerializer[Restoration]):
    """That the installation was restored; serials between the two are nobody's."""

    class Meta:
        model = Restoration
        fields = ("id", "backup_name", "place", "made_at", "restored_at", "last_serial", "next_serial")
        read_only_fields = fields


class BackupFilter(Filters):
    """Filters of the list of backups."""

    state = filters.ChoiceFilter(choices=Backup.State.choices, label="How it stands.")


class DrillFilter(Filters):
    """Filters of the list of drills."""

    good = FlagFilter(field_name="is_good", label="Whether all went well.")


class _Evidence(Resource):
    """Rows for who runs the installation or reads everything."""

    ordering = "-pk"

    def rows(self) -> QuerySet[Any]:
        """All, for whom they are for; everybody else is refused."""
        require_sight_of_operation(self.actor, "see backups")
        found: QuerySet[Any] = self.model._default_manager.all()
        return found

    def one(self, pk: int) -> Any:
        """The row of this number."""
        found = self.rows().filter(pk=pk).first()
        if found is None:
            raise NotFound("There is no such backup or drill.", code="backup-unknown")
        return found


@extend_schema(tags=["Backups"])
class BackupViewSet(_Evidence):
    """Backups, for operators, security officers, auditors and administrators."""

    model = Backup
    serializer_class = BackupSerializer
    filterset_class = BackupFilter

    @extend_schema(summary="List backups")
    def list(self, request: Request) -> Response:
        """The newest first, those too that failed."""
        return self.listed()

    @extend_schema(summary="Back up now", request=NoBodySerializer, responses={202: JobSerializer})
    def create(self, request: Request) -> Response:
        """A node begins the backup that the schedule would make next; for operators and administrators."""
        self.body(NoBodySerializer)
        return Response({"job": asking.ask_backup(actor=self.actor)}, status=HTTP_202_ACCEPTED)


@extend_schema(tags=["Backups"])
class DrillViewSet(_Evidence):
    """Drills, for the same people."""

    model = Drill
    serializer_class = DrillSerializer
    filterset_class = DrillFilter

    @extend_schema(summary="List drills")
    def list(self, request: Request) -> Response:
        """The newest first, each with its report."""
        return self.listed()

    @extend_schema(summary="Read a drill")
    def retrieve(self, request: Request, id: int) -> Response:  # noqa: A002  the name in the address
        """One drill."""
        return self.shown(self.one(id))


@extend_schema(tags=["Backups"])
class RestorationViewSet(_Evidence):
    """Restores of this installation, for the same people."""

    model = Restoration
    serializer_class = RestorationSerializer

    @extend_schema(summary="List restores")
    def list(self, request: Request) -> Response:
        """The newest first; none where the installation was never restored."""
        return self.listed()
