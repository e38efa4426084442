"""``/changes/``: the log of what was published, in the order of commits."""

from __future__ import annotations

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.filtering import Filters
from accounts.api.resources import Resource
from indexapp.api.v1.readers import SignedInOrPublic
from indexapp.domain.change_kinds import ChangeKind
from indexapp.domain.names import normalize_name
from indexapp.models import Change
from indexapp.permissions import changes_visible_to
from tpi_site.kit.pagination import KeysetPagination


class ChangeSerializer(serializers.ModelSerializer[Change]):
    """One change; fields that do not apply are empty."""

    index = serializers.CharField(source="index_name", read_only=True)
    actor = serializers.CharField(source="actor_name", read_only=True)
    detail = serializers.DictField(read_only=True)

    class Meta:
        model = Change
        fields = ("serial", "at", "kind", "index", "project", "version", "filename", "actor", "detail")
        read_only_fields = fields


class ChangePagination(KeysetPagination):
    """Pages by serial: the cursor is a serial that the client may keep and ask from later."""

    cursor_param = "since"
    cursor_description = "A serial; only later changes are listed. Keep the last one that you read."

    def refusal(self) -> str:
        """What anything but a serial is answered."""
        return "since: Give the serial of the last change that you know, or nothing."

    def encode(self, position: str) -> str:
        """The serial itself."""
        return position

    def decode(self, cursor: str) -> str:
        """The serial itself; raises ValueError for a text that is none."""
        if not (cursor.isascii() and cursor.isdigit()):
            raise ValueError(cursor)
        return cursor


class ChangeFilter(Filters):
    """Filters of the change log."""

    index = filters.CharFilter(field_name="index_name", max_length=64, label="Of this index.")
    project = filters.CharFilter(method="of_project", max_length=100, label="Of the project, in any spelling.")
    kind = filters.ChoiceFilter(choices=[(kind.value, kind.value) for kind in ChangeKind], label="What happened.")

    def of_project(self, rows: QuerySet[Change], name: str, value: str) -> QuerySet[Change]:
        """Changes of projects of that name."""
        return rows.filter(project=normalize_name(value))


@extend_schema(tags=["Changes"])
class ChangeViewSet(Resource):
    """The change log, as far as you may read what it speaks of."""

    permission_classes = (SignedInOrPublic,)
    model = Change
    ordering = "serial"
    serializer_class = ChangeSerializer
    filterset_class = ChangeFilter
    pagination_class = ChangePagination

    def rows(self) -> QuerySet[Change]:
        """The visible changes."""
        return changes_visible_to(self.actor)

    @extend_schema(summary="List changes")
    def list(self, request: Request) -> Response:
        """The oldest first; `?since=` goes on where you were."""
        return self.listed()
