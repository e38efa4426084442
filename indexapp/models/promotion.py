"""Taking over: that this site may write no more, that it did take over, and what came back with an old primary."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from indexapp.models.projects import Blob


class Fence(models.Model):
    """That this site, once a primary, takes no changes; there is one row, or none, and every node looks at it.

    ``FENCED``: another site took over, and ``epoch`` is the one that began there.  ``is_final`` is false while that site has
    said only that it is about to.  ``IN_DOUBT``: this site has just started, and nobody knows whether one took over meanwhile.
    """

    class State(models.TextChoices):
        """What is known."""

        FENCED = "fenced", "Another site took over"
        IN_DOUBT = "in-doubt", "Whether another site took over is not known"

    only = models.BooleanField(primary_key=True, default=True, editable=False)
    state = models.CharField(max_length=8, choices=State.choices)
    is_final = models.BooleanField(default=True)
    epoch = models.UUIDField(null=True, blank=True)
    began_after = models.BigIntegerField(default=0)
    primary_url = models.CharField(max_length=500, blank=True)
    primary_site = models.UUIDField(null=True, blank=True)
    replica = models.CharField(max_length=200, blank=True)
    began_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(only=True), name="fence_one"),
            models.CheckConstraint(condition=models.Q(state__in=["fenced", "in-doubt"]), name="fence_state_known"),
        ]

    def __str__(self) -> str:
        return self.get_state_display()


class Takeover(models.Model):
    """That this site took over from another, and whether that one knows: until then it is told again and again.

    ``secret`` is the credential with which this site followed, sealed for the old primary's address.
    """

    old_url = models.CharField(max_length=500)
    old_site = models.UUIDField()
    ca_certificates = models.TextField(blank=True)
    secret = models.TextField(editable=False)
    own_url = models.CharField(max_length=500)
    epoch = models.UUIDField(unique=True)
    began_after = models.BigIntegerField()
    began_at = models.DateTimeField(auto_now_add=True)
    began_by = models.CharField(max_length=150)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField()
    failure = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering: ClassVar = ["-pk"]

    def __str__(self) -> str:
        return f"taken over from {self.old_url}"


class Leftover(models.Model):
    """What this site had when it gave way to another past: kept beside, and neither published nor lost.

    ``blob`` keeps the bytes of what is only here, or differs there; ``other_sha256`` is what the other site has under the name.
    For what is no file ``filename`` is empty and ``project`` says what it was.
    """

    class Kind(models.TextChoices):
        """How the two sites differ."""

        ONLY_HERE = "only-here", "Only this site had it"
        CONFLICT = "conflict", "Both sites have the name with different bytes"
        STATE = "state", "Both have it, in different states"
        ONLY_THERE = "only-there", "It was deleted here, or is new there"
        ROW = "row", "A row that is another one there, or is not there"

    kind = models.CharField(max_length=10, choices=Kind.choices)
    index_name = models.CharField(max_length=64, blank=True)
    project = models.CharField(max_length=300, blank=True)
    version = models.CharField(max_length=128, blank=True)
    filename = models.CharField(max_length=255, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    other_sha256 = models.CharField(max_length=64, blank=True)
    size = models.BigIntegerField(default=0)
    blob = models.ForeignKey(Blob, models.PROTECT, related_name="leftovers", null=True, blank=True)
    told = models.JSONField(default=dict, blank=True)
    epoch = models.UUIDField()
    kept_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["only-here", "conflict", "state", "only-there", "row"]),
                name="leftover_kind_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.index_name}/{self.project}/{self.filename}"
