"""``/audit/``: who did what; read only, for administrators, auditors and security officers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permissions
from accounts.api.filtering import Filters
from accounts.api.resources import Resource
from accounts.models import AuditEntry
from accounts.services import audit_export, audit_filters
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
            "reason",
            "detail",
        )
        read_only_fields = fields


class AuditFilter(Filters):
    """Filters of the audit log."""

    actor = filters.CharFilter(max_length=150, label="Who did it.")
    action = filters.CharFilter(max_length=64, label="What was done, for example `release.yank`.")
    action_prefix = filters.CharFilter(max_length=64, label="How the action begins, for example `token.`.")
    object_type = filters.CharFilter(
        max_length=200,
        label="The kind of thing, for example `project`; several with commas between.",
    )
    object_name = filters.CharFilter(max_length=400, label="The thing's name.")
    outcome = filters.ChoiceFilter(choices=AuditEntry.Outcome.choices, label="How it went.")
    token = filters.CharFilter(max_length=12, label="The key id of the token in use.")
    reason = filters.CharFilter(max_length=64, label="The code of a refusal.")
    address = filters.CharFilter(max_length=64, label="The address that it came from.")
    request_id = filters.CharFilter(max_length=64, label="The id of the request, as `X-Request-ID` told it.")
    q = filters.CharFilter(
        max_length=400,
        label="The whole name of who did it or of what it was done to, a token's key id, a request's id, or an entry's id.",
    )
    after = filters.IsoDateTimeFilter(label="Not before this time.")
    before = filters.IsoDateTimeFilter(label="Before this time.")

    def filter_queryset(self, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        """By the service that the console's list uses too."""
        return audit_filters.narrowed(queryset, self.form.cleaned_data)


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

    @extend_schema(
        summary="Export the audit log",
        parameters=[OpenApiParameter("format", str, required=True, enum=audit_export.FORMS)],
        responses={(200, "text/csv"): OpenApiTypes.STR, (200, "application/jsonl"): OpenApiTypes.STR},
    )
    def export(self, request: Request) -> StreamingHttpResponse:
        """All entries that fit the filters, the oldest first, with their places in the chain; the export is recorded."""
        form = request.query_params.get("format", "")
        narrowing = {key: str(value) for key, value in request.query_params.items() if key != "format"}
        rows = self.rows()
        self.require_known_parameters("format")
        rows = self.filter_queryset(rows)
        lines = audit_export.export(actor=self.actor, form=form, rows=rows, filters=narrowing)
        kind = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}[form]
        response = StreamingHttpResponse(_pieces(lines), content_type=kind)
        response.headers["Content-Disposition"] = f'attachment; filename="audit.{form}"'
        return response


def _pieces(lines: Iterator[str]) -> Iterator[bytes]:
    """Some hundred lines together, because each piece costs the server a call."""
    while piece := "".join(islice(lines, 500)):
        yield piece.encode()
