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
            *("behind_since", "missing_blobs", "missing_bytes", "incomplete_since", "may_take_over", "url"),
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
    trouble = serializers.CharField(help_text="Empty, or that no process follows, or that one hears nothing.")


class FollowerSerializer(serializers.Serializer[Any]):
    """A replica, in short."""

    name = serializers.CharField()
    site = serializers.UUIDField(allow_null=True)
    seen_at = serializers.DateTimeField(allow_null=True)
    serial = serializers.IntegerField()
    serials_behind = serializers.IntegerField()
    missing_blobs = serializers.IntegerField()
    missing_bytes = serializers.IntegerField()


class FenceSerializer(serializers.Serializer[Any]):
    """That this site may not write: another one took over, or may have."""

    state = serializers.CharField()
    primary = serializers.CharField(help_text="Who took over, where that is known.")
    epoch = serializers.CharField()


class TakenOverSerializer(serializers.Serializer[Any]):
    """From whom this site took over, and whether that one knows."""

    old_primary = serializers.CharField()
    epoch = serializers.UUIDField()
    began_after = serializers.IntegerField()
    began_at = serializers.DateTimeField()
    is_fenced = serializers.BooleanField()
    attempts = serializers.IntegerField()
    failure = serializers.CharField()


class StandingSerializer(serializers.Serializer[Any]):
    """How replication stands here; `replica_of` is null on a site that follows nobody."""

    role = serializers.CharField(help_text="`primary` or `replica`.")
    site = serializers.UUIDField(help_text="Who this installation is.")
    serial = serializers.IntegerField(help_text="Of the last change.")
    epoch = EpochSerializer()
    replica_of = FollowedSerializer(allow_null=True)
    replicas = FollowerSerializer(many=True)
    fence = FenceSerializer(allow_null=True)
    took_over = TakenOverSerializer(allow_null=True)
    holding = serializers.DictField(allow_null=True, help_text="Which bytes a replica holds, and which not.")
    fetching = serializers.DictField(allow_null=True, help_text="How fast and when it fetches, and why it waits.")


class WantedSerializer(serializers.ModelSerializer[WantedBlob]):
    """A content that is still to come; `rank` is 0 for hosted indexes and 1 for mirrors."""

    class Meta:
        model = WantedBlob
        fields = ("sha256", "size", "rank", "attempts", "next_at", "failure")
        read_only_fields = fields


class LostSerializer(serializers.Serializer[Any]):
    """What is not here, or not right; `what` is `file` or `metadata`."""

    index = serializers.CharField()
    project = serializers.CharField()
    filename = serializers.CharField()
    sha256 = serializers.CharField()
    size = serializers.IntegerField()
    what = serializers.CharField()


class LossSerializer(serializers.Serializer[Any]):
    """What a promotion would lose, as far as this site knows."""

    contact_at = serializers.DateTimeField(allow_null=True)
    serial = serializers.IntegerField()
    serials_behind = serializers.IntegerField()
    missing = serializers.IntegerField(help_text="How many there are in all.")
    files = LostSerializer(many=True, help_text="The first thousand.")


class PromotionSerializer(serializers.Serializer[Any]):
    """What was promoted, and what is lost by it."""

    epoch = EpochSerializer()
    old_url = serializers.CharField()
    own_url = serializers.CharField()
    serial = serializers.IntegerField(help_text="After which the epoch began.")
    serials_behind = serializers.IntegerField()
    contact_at = serializers.DateTimeField(allow_null=True)
    was_handed_over = serializers.BooleanField(help_text="Whether the old primary stopped first, and all was taken.")
    is_fenced = serializers.BooleanField(help_text="Whether the old primary knows; else it is told until it does.")
    missing = serializers.IntegerField()
    siblings = serializers.ListField(child=serializers.CharField(), help_text="Replicas that may follow this site.")
