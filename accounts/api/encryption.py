"""``/encryption/``: what auditors ask about encryption at rest; read only."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.resources import Resource
from accounts.models import AuditEntry
from accounts.services.keys import status


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
    source_fault = serializers.CharField(
        help_text="Why what wraps the ring's keys does not answer, or the ring cannot be read."
    )
    source_answered_at = serializers.DateTimeField(
        allow_null=True, help_text="When a source outside answered last, as far as the answering process knows."
    )
    not_encrypted = serializers.ListField(child=serializers.CharField())


@extend_schema(tags=["Encryption"])
class EncryptionViewSet(Resource):
    """Encryption at rest, for administrators, auditors and security officers."""

    model = AuditEntry  # the newest rotation is one
    serializer_class = EncryptionSerializer

    @extend_schema(summary="Read how the installation is encrypted")
    def retrieve(self, request: Request) -> Response:
        """Algorithms, keys by id and age, how much each wraps, coverage, and what is not encrypted."""
        return Response(EncryptionSerializer(status.status(actor=self.actor)).data)
