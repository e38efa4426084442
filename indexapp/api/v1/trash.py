"""``…/trash/``: what was deleted in an index, and having it back."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.bodies import StrictSerializer, TextField
from accounts.api.filtering import Filters
from accounts.api.resources import Resource, gone
from indexapp.api.v1 import access
from indexapp.models import Trashed
from indexapp.services.trash import purging, restoring, rights
from tpi_site.kit.errors import Unseen


class TrashedSerializer(serializers.ModelSerializer[Trashed]):
    """A deletion that can be undone; `size` is in bytes and counts for quotas."""

    name = serializers.CharField(source="__str__", read_only=True, help_text="What to give to purge it.")
    index = serializers.CharField(source="index.name", read_only=True)
    project = serializers.CharField(source="normalized_name", read_only=True)
    files = serializers.IntegerField(source="files_count", read_only=True, help_text="How many.")
    kept_until = serializers.SerializerMethodField(help_text="When it goes for good.")
    roles = serializers.SerializerMethodField(help_text="Whose roles a project brings back: people and teams.")
    kind = serializers.CharField(read_only=True, help_text="`project`, `release` or `file`.")

    class Meta:
        model = Trashed
        fields = (
            "id",
            "name",
            "kind",
            "index",
            "project",
            "version",
            "filename",
            "files",
            "size",
            "deleted_at",
            "deleted_by",
            "kept_until",
            "roles",
        )
        read_only_fields = fields

    def get_roles(self, row: Trashed) -> list[str]:
        """Of a project; for who may delete there, as the entry is."""
        return rights.holders(row)

    def get_kept_until(self, row: Trashed) -> datetime:
        """By the installation's setting."""
        return row.deleted_at + timedelta(days=settings.TPI_TRASH_DAYS)


class PurgeSerializer(StrictSerializer):
    """The name of what goes, so that it is not done by a slip."""

    name = TextField(max_length=300)


class RestoreSerializer(StrictSerializer):
    """What comes back with a project."""

    with_roles = serializers.BooleanField(default=True, help_text="Whether the roles on the project come back too.")


class TrashFilter(Filters):
    """Filters of the trash."""

    kind = filters.ChoiceFilter(choices=Trashed.Kind.choices, label="What was deleted.")
    project = filters.CharFilter(field_name="normalized_name", max_length=128, label="The normalised name.")


_EXAMPLE = OpenApiExample("A release", value={"name": "acme-tool 1.0"}, request_only=True)


@extend_schema(tags=["Trash"])
class TrashViewSet(Resource):
    """The trash of an index, as far as you may delete there."""

    model = Trashed
    ordering = "-pk"
    serializer_class = TrashedSerializer
    filterset_class = TrashFilter

    def rows(self) -> QuerySet[Trashed]:
        """What the actor may have back; who has nothing there must be able to read the index."""
        name = self.kwargs["index"]
        found = rights.entries_for(self.actor).filter(index__name=name).defer("project_row")
        found = found.prefetch_related("roles__user", "roles__team")
        if (first := found.first()) is None:
            access.require_token_where_needed(self.actor, access.index_to_read(self.actor, name))
        else:
            access.require_token_where_needed(self.actor, first.index)
        return found

    @extend_schema(summary="List the trash")
    def list(self, request: Request, index: str) -> Response:
        """The latest deletion first."""
        return self.listed()

    @extend_schema(summary="Read a deletion")
    def retrieve(self, request: Request, index: str, id: int) -> Response:  # noqa: A002  the address's word
        """One deletion."""
        return self.shown(self._entry(id))

    @extend_schema(summary="Restore what was deleted", request=RestoreSerializer, responses=TrashedSerializer)
    def restore(self, request: Request, index: str, id: int) -> Response:  # noqa: A002  as above
        """It comes back as it was; who may delete may undo, with as wide a right as it was deleted by."""
        entry = self._entry(id)
        given = self.body(RestoreSerializer)
        told = self.get_serializer(entry).data
        restoring.restore(actor=self.actor, entry=entry, with_roles=given["with_roles"])
        return Response(told)

    @extend_schema(
        summary="Purge what was deleted", request=PurgeSerializer, responses={204: None}, examples=[_EXAMPLE]
    )
    def purge(self, request: Request, index: str, id: int) -> Response:  # noqa: A002  as above
        """It goes for good, before its time."""
        entry = self._entry(id)
        purging.purge(actor=self.actor, entry=entry, typed=self.body(PurgeSerializer)["name"])
        return gone()

    def _entry(self, key: int) -> Trashed:
        found = self.rows().filter(pk=key).first() if key < 2**63 else None
        if found is None:
            raise Unseen("There is no such deletion in the trash of this index, or it is not yours to undo.")
        return found
