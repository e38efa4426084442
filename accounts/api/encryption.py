"""``/encryption/``: what auditors ask about encryption at rest, and what administrators do about keys."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_202_ACCEPTED

from accounts.api.bodies import NoBodySerializer, StrictSerializer, TextField
from accounts.api.directory_jobs import JobSerializer
from accounts.api.resources import Resource
from accounts.models import AuditEntry
from accounts.services.keys import asking, ring, status, status_export
from tpi_site.kit.errors import Invalid

FORMS = ("csv", "json")


class EncryptionKeySerializer(serializers.Serializer[status.Key]):
    """A key by its id, its age, and how many texts of each kind it wraps."""

    id = serializers.CharField()
    is_current = serializers.BooleanField()
    is_in_ring = serializers.BooleanField()
    created_at = serializers.DateTimeField(allow_null=True)
    given_up_at = serializers.DateTimeField(
        allow_null=True,
        help_text="Since when others may know the key, and what was sealed before is being sealed anew.",
    )
    wraps = serializers.DictField(child=serializers.IntegerField())


class EncryptionSerializer(serializers.Serializer[status.Status]):
    """How the installation is encrypted; never a key."""

    is_sealing = serializers.BooleanField(help_text="Whether new files are sealed.")
    algorithms = serializers.DictField(child=serializers.CharField())
    ring_source = serializers.CharField(help_text="Where the key ring is: `file`, `env`, `vault` or `kms`.")
    keys = EncryptionKeySerializer(many=True)
    plain = serializers.DictField(child=serializers.IntegerField(), help_text="How many lie plain.")
    coverage = serializers.FloatField(help_text="Percentage of blobs that lie sealed.")
    last_rotation_at = serializers.DateTimeField(allow_null=True)
    waiting = serializers.IntegerField(help_text="How many texts a rotation has still to wrap anew.")
    source_fault = serializers.CharField(
        help_text="Why what wraps the ring's keys does not answer, or the ring cannot be read."
    )
    source_answered_at = serializers.DateTimeField(
        allow_null=True, help_text="When a source outside answered last, as far as the answering process knows."
    )
    not_encrypted = serializers.ListField(child=serializers.CharField())


class KeySerializer(StrictSerializer):
    """Which key goes."""

    key = TextField(max_length=64, help_text="Its id.")


@extend_schema(tags=["Encryption"])
class EncryptionViewSet(Resource):
    """Encryption at rest, for administrators, auditors and security officers."""

    model = AuditEntry  # the newest rotation is one
    serializer_class = EncryptionSerializer

    @extend_schema(summary="Read how the installation is encrypted")
    def retrieve(self, request: Request) -> Response:
        """Algorithms, keys by id and age, how much each wraps, coverage, and what is not encrypted."""
        return Response(EncryptionSerializer(status.status(actor=self.actor)).data)

    @extend_schema(
        summary="Export how the installation is encrypted",
        parameters=[OpenApiParameter("format", str, required=True, enum=FORMS)],
        responses={(200, "text/csv"): OpenApiTypes.STR, (200, "application/json"): EncryptionSerializer},
    )
    def export(self, request: Request) -> HttpResponse:
        """The same as a file: a table of facts, or JSON."""
        found = status.status(actor=self.actor)
        self.require_known_parameters("format")
        form = request.query_params.get("format", "")
        if form not in FORMS:
            raise Invalid(
                f"The state is exported as {' or '.join(FORMS)}; name one with ?format=.", code="format-unknown"
            )
        if form == "csv":
            answer = HttpResponse(status_export.as_csv(found), content_type="text/csv; charset=utf-8")
        else:
            answer = HttpResponse(
                JSONRenderer().render(EncryptionSerializer(found).data), content_type="application/json"
            )
        answer.headers["Content-Disposition"] = f'attachment; filename="encryption.{form}"'
        return answer

    @extend_schema(summary="Rotate keys", request=NoBodySerializer, responses={202: JobSerializer})
    def rotate(self, request: Request) -> Response:
        """A new key, and a job that wraps everything anew; an unfinished rotation is finished without another key."""
        self.body(NoBodySerializer)
        return Response({"job": asking.ask_rotation(actor=self.actor)}, HTTP_202_ACCEPTED)

    @extend_schema(summary="Remove a key", request=KeySerializer, responses=EncryptionSerializer)
    def remove_key(self, request: Request) -> Response:
        """Takes an old key out of the ring; refused while it wraps anything."""
        ring.remove_key(actor=self.actor, key_id=self.body(KeySerializer)["key"])
        return self.retrieve(request)
