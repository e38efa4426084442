"""What the REST API shows of tokens, and the bodies that it takes about them."""

from __future__ import annotations

import math
from datetime import datetime

from django.utils import timezone
from rest_framework import serializers

from accounts.api.bodies import NumberField, StrictSerializer, TextField, WordsField
from accounts.domain.networks import MOST_NETWORKS
from accounts.domain.verbs import Verb, as_words, from_mask
from accounts.models import Token
from accounts.services.token_leaks import LONGEST_TEXT, MOST_REPORTED
from accounts.services.token_rotation import LONGEST_OVERLAP, USUAL_OVERLAP

VERBS = [(verb.value, verb.value.capitalize()) for verb in Verb]


class TokenSerializer(serializers.ModelSerializer[Token]):
    """A token, without its text."""

    user = serializers.CharField(source="user.username", read_only=True)
    verbs = serializers.SerializerMethodField()
    indexes = serializers.ListField(child=serializers.CharField(), read_only=True)
    projects = serializers.ListField(child=serializers.CharField(), read_only=True)
    networks = serializers.ListField(child=serializers.CharField(), read_only=True)
    ends_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="`expires_at`, or earlier where policy has become stricter since."
    )
    expires_in_days = serializers.SerializerMethodField()
    parent = serializers.CharField(  # type: ignore[assignment]  # the metaclass takes it off the class, where DRF has its own
        source="parent.key_id", read_only=True, allow_null=True, help_text="The key id of the token it was made with."
    )
    replaces = serializers.CharField(
        source="replaces.key_id", read_only=True, allow_null=True, help_text="The key id of what it was rotated from."
    )

    class Meta:
        model = Token
        fields = (
            "id",
            "name",
            "key_id",
            "user",
            "kind",
            "verbs",
            "indexes",
            "projects",
            "networks",
            "parent",
            "replaces",
            "created_at",
            "expires_at",
            "ends_at",
            "expires_in_days",
            "last_used_at",
            "last_address",
            "last_client",
            "revoked_at",
            "leaked_at",
        )
        read_only_fields = fields

    def get_verbs(self, token: Token) -> list[str]:
        """What the token lets its owner's rights through for."""
        return as_words(from_mask(token.verbs))

    def get_expires_in_days(self, token: Token) -> int | None:
        """Whole days until `ends_at`; 0 on the last day and after it, null without an end."""
        return None if token.ends_at is None else _days_until(token.ends_at)


def _days_until(end: datetime) -> int:
    return max(0, math.floor((end - timezone.now()).total_seconds() / 86_400))


class IssuedTokenSerializer(TokenSerializer):
    """A new token with its text, which is shown this once."""

    token = serializers.CharField(read_only=True, help_text="The secret; keep it, it is shown this once.")

    class Meta(TokenSerializer.Meta):
        fields = (*TokenSerializer.Meta.fields, "token")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]


class NewTokenSerializer(StrictSerializer):
    """A token to issue; empty `indexes` or `projects` mean all that its owner may, empty `networks` any address."""

    name = TextField(max_length=100)
    verbs = WordsField(child=serializers.ChoiceField(choices=VERBS), allow_empty=False)
    indexes = WordsField(child=TextField(max_length=64), default=list, help_text="Names of indexes.")
    projects = WordsField(child=TextField(max_length=100), default=list, help_text="Names of projects.")
    networks = WordsField(
        child=TextField(max_length=60),
        default=list,
        help_text=f"At most {MOST_NETWORKS} networks or addresses that it may be used from, such as `192.0.2.0/24`.",
    )
    expires_at = serializers.DateTimeField(
        allow_null=True, default=None, help_text="Null for 90 days, or the most that policy allows where that is less."
    )
    lifetime_seconds = NumberField(
        min_value=60,
        max_value=3600,
        required=False,
        help_text="Instead of `expires_at`: makes a short-lived token, which is forgotten a day after its end.",
    )
    user = TextField(
        max_length=150, required=False, help_text="The owner: oneself, or a service account that one looks after."
    )


class RotationSerializer(StrictSerializer):
    """How the old token ends."""

    overlap_seconds = NumberField(
        min_value=0,
        max_value=int(LONGEST_OVERLAP.total_seconds()),
        default=int(USUAL_OVERLAP.total_seconds()),
        help_text="How long the old token goes on, if it does not end before.",
    )


class LeakSerializer(StrictSerializer):
    """Tokens that were found."""

    tokens = serializers.ListField(
        child=TextField(max_length=LONGEST_TEXT, allow_blank=True, trim_whitespace=False),
        max_length=MOST_REPORTED,
        help_text="Their texts, or lines in which they stand.",
    )
    url = TextField(max_length=500, allow_blank=True, default="", help_text="Where they were found.")
    source = TextField(  # type: ignore[assignment]  # the metaclass takes it off the class, where DRF has its own
        max_length=100, allow_blank=True, default="", help_text="Who or what has found them."
    )


class LeakAnswerSerializer(serializers.Serializer[None]):
    """The same whether or not a token is known here."""

    detail = serializers.CharField(read_only=True)
