"""``/audit/sinks/``: where the audit log is streamed to."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permissions
from accounts.api.bodies import FlagField, NoBodySerializer, StrictSerializer, TextField, WordsField
from accounts.api.filtering import Filters, FlagFilter
from accounts.api.resources import Resource, gone
from accounts.models import AuditSink
from accounts.services import audit_delivery, audit_sinks
from tpi_site.kit.errors import Invalid, NotFound

_DEED = "see where the audit log is streamed to"
_CHANGE = "change where the audit log is streamed to"
_MOST_CERTIFICATES = 100_000
_PREFIXES = "Beginnings of actions, such as `token.`; empty: everything."
_ADDRESS = "Syslog: `host:port`. HTTP: a URL. File: a name in the folder `audit-streams`."


class SinkSerializer(serializers.ModelSerializer[AuditSink]):
    """A receiver, without its secret."""

    action_prefixes = serializers.ListField(child=serializers.CharField(), read_only=True)
    has_secret = serializers.SerializerMethodField(
        help_text="Whether what is sent is signed; the secret is never shown."
    )
    behind = serializers.SerializerMethodField(help_text="Entries of the log that it has not got yet.")

    class Meta:
        model = AuditSink
        fields = (
            "name",
            "kind",
            "address",
            "format",
            "action_prefixes",
            "ca_certificates",
            "has_secret",
            "enabled",
            "behind",
            "created_at",
            "last_ok_at",
            "failing_since",
            "failure",
        )
        read_only_fields = fields

    def get_has_secret(self, row: AuditSink) -> bool:
        """Whether a secret is kept."""
        return bool(row.secret)

    def get_behind(self, row: AuditSink) -> int:
        """How many entries it lacks."""
        return max(0, int(self.context["end_of_log"]()) - row.cursor)


class SinkChangeSerializer(StrictSerializer):
    """What may be changed of a receiver; it goes on where it stands."""

    address = TextField(max_length=500, required=False, help_text=_ADDRESS)
    format = serializers.ChoiceField(choices=AuditSink.Format.choices, required=False)
    action_prefixes = WordsField(child=TextField(max_length=64), required=False, help_text=_PREFIXES)
    ca_certificates = TextField(
        max_length=_MOST_CERTIFICATES, allow_blank=True, required=False, help_text="PEM; empty: the system's."
    )
    secret = TextField(
        max_length=200,
        required=False,
        write_only=True,
        help_text="Only for HTTP: `whsec_` and base64 of 24 to 64 random bytes, by which the receiver verifies signatures.",
    )
    enabled = FlagField(
        required=False, help_text="While off nothing is sent; what is recorded meanwhile is sent later."
    )


class NewSinkSerializer(SinkChangeSerializer):
    """A new receiver."""

    name = TextField(max_length=64, help_text="Lower-case letters, digits and hyphens.")
    kind = serializers.ChoiceField(choices=AuditSink.Kind.choices)
    address = TextField(max_length=500, help_text=_ADDRESS)
    from_the_beginning = FlagField(default=False, help_text="The whole log, and not only what is recorded from now on.")


class SinkFilter(Filters):
    """Filters of the list of receivers."""

    enabled = FlagFilter(label="Whether anything is sent.")
    kind = filters.ChoiceFilter(choices=AuditSink.Kind.choices, label="How entries travel.")


_EXAMPLE = OpenApiExample(
    "A collector that speaks syslog over TLS",
    value={"name": "siem", "kind": "syslog-tls", "address": "siem.tpi.example:6514", "format": "cef"},
    request_only=True,
)


@extend_schema(tags=["Audit"])
class SinkViewSet(Resource):
    """Receivers of the audit log; auditors and security officers see them, administrators change them."""

    model = AuditSink
    ordering = "name"
    serializer_class = SinkSerializer
    filterset_class = SinkFilter

    def rows(self) -> QuerySet[AuditSink]:
        """All, for who reads everything; everybody else is refused."""
        permissions.require_reader_of_everything(self.actor, _DEED)
        return permissions.audit_sinks_visible_to(self.actor)

    def get_serializer_context(self) -> dict[str, Any]:
        """With the log's end, which is asked for once for all rows, and not where there are none."""
        return {**super().get_serializer_context(), "end_of_log": cache(audit_delivery.end_of_log)}

    @extend_schema(summary="List receivers of the audit log")
    def list(self, request: Request) -> Response:
        """By name."""
        return self.listed()

    @extend_schema(
        summary="Stream the audit log somewhere",
        request=NewSinkSerializer,
        responses={201: SinkSerializer},
        examples=[_EXAMPLE],
    )
    def create(self, request: Request) -> Response:
        """It gets its first entries within a minute; for HTTP you choose the secret, because it is never shown."""
        permissions.require_administrator(self.actor, _CHANGE)
        given = self.body(NewSinkSerializer)
        if given["kind"] == AuditSink.Kind.HTTP and not given.get("secret"):
            raise Invalid("Give a secret by which the receiver verifies signatures.", code="sink-secret")
        row = audit_sinks.create(actor=self.actor, **given)
        return self.created(row, reverse("api:audit-sink", args=[row.name]))

    @extend_schema(summary="Read a receiver")
    def retrieve(self, request: Request, sink: str) -> Response:
        """One receiver, with how it is at this moment."""
        return self.shown(self._one(sink))

    @extend_schema(summary="Change a receiver", request=SinkChangeSerializer, responses=SinkSerializer)
    def partial_update(self, request: Request, sink: str) -> Response:
        """What is named is changed; a failing one is tried again at once."""
        row = self._one_to_change(sink)
        audit_sinks.change(actor=self.actor, sink=row, **self.changes(SinkChangeSerializer))
        row.refresh_from_db()
        return self.shown(row)

    @extend_schema(summary="Delete a receiver", responses={204: None})
    def destroy(self, request: Request, sink: str) -> Response:
        """Nothing more is sent there."""
        audit_sinks.delete(actor=self.actor, sink=self._one_to_change(sink))
        return gone()

    @extend_schema(summary="Send a test", request=NoBodySerializer, responses={204: None})
    def test(self, request: Request, sink: str) -> Response:
        """One line that says that it is a test is sent now; 503 tells why that failed."""
        row = self._one_to_change(sink)
        self.body(NoBodySerializer)
        audit_sinks.test(actor=self.actor, sink=row)
        return gone()

    def _one_to_change(self, name: str) -> AuditSink:
        permissions.require_administrator(self.actor, _CHANGE)
        return self._one(name)

    def _one(self, name: str) -> AuditSink:
        found = self.rows().filter(name=name).first()
        if found is None:
            raise NotFound(f"There is no receiver named '{name}'.", code="sink-unknown")
        return found
