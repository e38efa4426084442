"""``/audit/``: who did what; read only, for administrators of the instance."""

from __future__ import annotations

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permissions
from accounts.api.filtering import Filters
from accounts.api.resources import Resource
from accounts.models import AuditEntry
from tpi_site.kit.errors import NotFound


class AuditEntrySerializer(serializers.ModelSerializer[AuditEntry]):
    """One act, or one refusal; names outlive what they name."""

    actor = serializers.CharField(source="actor_name", read_only=True)
    detail = serializers.DictField(read_only=True)

    class Meta:
        model = AuditEntry
        fields = (
            "id",
            "at",
            "actor",
            "token_key_id",
            "method",
            "address",
            "request_id",
            "action",
            "object_type",
            "object_id",
            "object_name",
            "outcome",
            "detail",
        )
        read_only_fields = fields


class AuditFilter(Filters):
    """Filters of the audit log."""

    actor = filters.CharFilter(field_name="actor_name", max_length=150, label="Who did it.")
    action = filters.CharFilter(max_length=64, label="What was done, for example `release.yank`.")
    object_type = filters.CharFilter(max_length=32, label="The kind of thing, for example `project`.")
    object_name = filters.CharFilter(max_length=400, label="The thing's name.")
    outcome = filters.ChoiceFilter(choices=AuditEntry.Outcome.choices, label="How it went.")
    token = filters.CharFilter(field_name="token_key_id", max_length=12, label="The key id of the token in use.")
    after = filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte", label="Not before this time.")
    before = filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt", label="Before this time.")


@extend_schema(tags=["Audit"])
class AuditViewSet(Resource):
    """The audit log."""

    model = AuditEntry
    ordering = "-pk"
    serializer_class = AuditEntrySerializer
    filterset_class = AuditFilter

    def rows(self) -> QuerySet[AuditEntry]:
        """All entries, for who reads everything; everybody else is refused."""
        permissions.require_reader_of_everything(self.actor, "read the audit log")
        return permissions.audit_visible_to(self.actor)

    @extend_schema(summary="List audit entries")
    def list(self, request: Request) -> Response:
        """The newest first."""
        return self.listed()

    @extend_schema(summary="Read an audit entry")
    def retrieve(self, request: Request, id: int) -> Response:  # noqa: A002  the name in the address
        """One entry."""
        found = self.rows().filter(pk=id).first()
        if found is None:
            raise NotFound("There is no such entry.", code="entry-unknown")
        return self.shown(found)
