"""What a dry run of a policy rule found, as the REST API tells it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class TouchedSerializer(serializers.Serializer[Any]):
    """A project that a rule would touch."""

    index = serializers.CharField()
    project = serializers.CharField()
    team = serializers.CharField(help_text="For which it counts; empty for none.")
    files = serializers.IntegerField()
    versions = serializers.ListField(child=serializers.CharField())
    names = serializers.ListField(child=serializers.CharField(), help_text="The first files.")
    downloads = serializers.IntegerField(help_text="Of those files in the last 30 days, as this node has logged them.")


class DryRunSerializer(serializers.Serializer[Any]):
    """What would change of what is let through."""

    looked_at = serializers.IntegerField(
        help_text="Projects that you may read and that the rule concerns by name and source."
    )
    is_cut = serializers.BooleanField(help_text="Whether there were more.")
    may_be_more = serializers.BooleanField(
        help_text="Whether your rights leave room for projects that you may not read; no figure counts them."
    )
    files = serializers.IntegerField()
    downloads = serializers.IntegerField()
    by_team = serializers.DictField(child=serializers.IntegerField())
    projects = TouchedSerializer(many=True)
