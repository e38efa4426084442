"""What the REST API tells of replication."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from indexapp.models import Epoch, Replica, WantedBlob
from indexapp.services.replication import overview

STATES = [state.value for state in overview.State]


class EpochSerializer(serializers.ModelSerializer[Epoch]):
    """A stretch of the change log; `reason` is `first`, `restored` or `promoted`."""

    reason = serializers.CharField()

    class Meta:
        model = Epoch
        fields = ("uuid", "number", "reason")
        read_only_fields = fields


class ReplicaSerializer(serializers.ModelSerializer[Replica]):
    """A site that may follow this one, and what it told when it asked last."""

    state = serializers.SerializerMethodField(help_text="One word for how it stands.")
    serials_behind = serializers.SerializerMethodField(help_text="Changes that it has not taken.")
    behind_since = serializers.SerializerMethodField(help_text="When the first of these was made here.")

    @extend_schema_field(serializers.ChoiceField(choices=STATES))
    def get_state(self, row: Replica) -> str:
        """See the field."""
        return overview.replica_state(row).value

    def get_serials_behind(self, row: Replica) -> int:
        """See the field."""
        return overview.serials_behind(row)

    def get_behind_since(self, row: Replica) -> datetime | None:
        """See the field."""
        return overview.behind_since(row)

    class Meta:
        model = Replica
        fields = (
            *("name", "site", "state", "created_at", "created_by", "seen_at", "serial", "serials_behind"),
            *("behind_since", "missing_blobs", "missing_bytes", "incomplete_since"),
        )
        read_only_fields = fields


class InvitedReplicaSerializer(ReplicaSerializer):
    """A replica that was just invited, with its secret."""

    secret = serializers.CharField(help_text="Shown once.")

    class Meta:
        model = Replica
        fields = (*ReplicaSerializer.Meta.fields, "secret")
        read_only_fields = fields


class FollowedSerializer(serializers.Serializer[Any]):
    """How far this replica is."""

    primary = serializers.CharField(help_text="The primary's address.")
    state = serializers.ChoiceField(choices=STATES)
    is_paused = serializers.BooleanField()
    epoch = serializers.UUIDField(help_text="The primary's, as of what was taken last.")
    serial = serializers.IntegerField(help_text="Up to which all was taken.")
    primary_serial = serializers.IntegerField(help_text="The primary's newest, as far as it has told.")
    serials_behind = serializers.IntegerField()
    behind_since = serializers.DateTimeField(
        allow_null=True, help_text="Since when something has been behind, as seen by the look that comes every minute."
    )
    missing_blobs = serializers.IntegerField(help_text="Contents that are not here yet.")
    missing_bytes = serializers.IntegerField()
    incomplete_since = serializers.DateTimeField(allow_null=True, help_text="The same for contents.")
    contact_at = serializers.DateTimeField(allow_null=True)
    contact_age = serializers.FloatField(allow_null=True, help_text="Seconds since the primary last answered.")
    failing_since = serializers.DateTimeField(allow_null=True)
    failure_code = serializers.CharField()
    failure = serializers.CharField()


class FollowerSerializer(serializers.Serializer[Any]):
    """A replica, in short."""

    name = serializers.CharField()
    site = serializers.UUIDField(allow_null=True)
    seen_at = serializers.DateTimeField(allow_null=True)
    serial = serializers.IntegerField()
    serials_behind = serializers.IntegerField()
    missing_blobs = serializers.IntegerField()
    missing_bytes = serializers.IntegerField()


class StandingSerializer(serializers.Serializer[Any]):
    """How replication stands here; `replica_of` is null on a site that follows nobody."""

    role = serializers.CharField(help_text="`primary` or `replica`.")
    site = serializers.UUIDField(help_text="Who this installation is.")
    serial = serializers.IntegerField(help_text="Of the last change.")
    epoch = EpochSerializer()
    replica_of = FollowedSerializer(allow_null=True)
    replicas = FollowerSerializer(many=True)
    holding = serializers.DictField(allow_null=True, help_text="Which bytes a replica holds, and which not.")
    fetching = serializers.DictField(allow_null=True, help_text="How fast and when it fetches, and why it waits.")


class WantedSerializer(serializers.ModelSerializer[WantedBlob]):
    """A content that is still to come; `rank` is 0 for hosted indexes and 1 for mirrors."""

    class Meta:
        model = WantedBlob
        fields = ("sha256", "size", "rank", "attempts", "next_at", "failure")
        read_only_fields = fields
