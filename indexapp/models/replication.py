"""Sites that follow one another: whose past this is, who may follow, whom this site follows, and what it still has to fetch."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models

from accounts.models.users import SLUG


class Site(models.Model):
    """Who this installation is: one row, which no replica copies."""

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)

    def __str__(self) -> str:
        return str(self.uuid)


class Epoch(models.Model):
    """A stretch of the change log in which one site alone gave serials, like a timeline of PostgreSQL.

    ``began_after`` is the last serial that it shares with the epoch before.  Of two sites that agree about an epoch's uuid the
    logs are the same up to where it ends.
    """

    class Reason(models.TextChoices):
        """Why it began."""

        FIRST = "first", "The installation's first"
        RESTORED = "restored", "Restored from a backup"
        PROMOTED = "promoted", "A replica went on by itself"

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    number = models.PositiveIntegerField(unique=True)
    began_after = models.BigIntegerField(default=0)
    reason = models.CharField(max_length=8, choices=Reason.choices, default=Reason.FIRST)
    began_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["number"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(reason__in=["first", "restored", "promoted"]), name="epoch_reason_known"
            ),
        ]

    def __str__(self) -> str:
        return f"epoch {self.number}"


class Replica(models.Model):
    """A site that may follow this one; ``digest`` is of its secret, as a token's is.

    ``site`` is who came with the secret first, and nobody else may.  ``url`` is where it is asked whether it took over, if it
    may.  The rest is what it told when it asked last.
    """

    name = models.CharField(max_length=64, unique=True, validators=[SLUG])
    key_id = models.CharField(max_length=12, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    site = models.UUIDField(unique=True, null=True, blank=True, editable=False)
    may_take_over = models.BooleanField(default=False)
    url = models.CharField(max_length=500, blank=True)
    ca_certificates = models.TextField(blank=True)
    asked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=150)
    revoked_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True)
    serial = models.BigIntegerField(default=0)
    missing_blobs = models.BigIntegerField(default=0)
    missing_bytes = models.BigIntegerField(default=0)
    incomplete_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class Following(models.Model):
    """That this site is a replica: of whom, and how far it has come.  There is one row, or none.

    ``secret`` is sealed for the primary's address.  ``epoch`` and ``cursor`` are what was applied last, and
    ``generations`` the primary's counters by then.  ``primary_serial`` is the newest that it told.  ``may_take_over``,
    ``own_url`` and ``siblings`` are what it says of this replica: whether it may take over, at which address clients would find
    it then, and who else follows.
    ``awaited_serial`` was the newest at ``behind_since`` and is not here yet; ``awaited_blob`` the key of the content that was
    wanted last at ``incomplete_since``, and some up to it are not here yet.
    """

    only = models.BooleanField(primary_key=True, default=True, editable=False)
    primary_url = models.CharField(max_length=500)
    ca_certificates = models.TextField(blank=True)
    secret = models.TextField(editable=False)
    primary_site = models.UUIDField()
    epoch = models.UUIDField()
    cursor = models.BigIntegerField(default=0)
    generations = models.JSONField(default=dict)
    compared_at = models.DateTimeField(null=True, blank=True)
    primary_serial = models.BigIntegerField(default=0)
    is_paused = models.BooleanField(default=False)
    may_take_over = models.BooleanField(default=False)
    own_url = models.CharField(max_length=500, blank=True)
    siblings = models.JSONField(default=list, blank=True)
    joined_at = models.DateTimeField(auto_now_add=True)
    contact_at = models.DateTimeField(null=True, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    failure_code = models.CharField(max_length=40, blank=True)
    failure = models.CharField(max_length=500, blank=True)
    awaited_serial = models.BigIntegerField(default=0)
    behind_since = models.DateTimeField(null=True, blank=True)
    awaited_blob = models.BigIntegerField(default=0)
    incomplete_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(only=True), name="following_one"),
        ]

    def __str__(self) -> str:
        return f"replica of {self.primary_url}"


class PrimaryCheckpoint(models.Model):
    """What a primary, whose ``site`` it is, signed of its audit log when this site followed it.

    ``size`` and ``head`` (hexadecimal) are what the ``note`` states, ``key`` what it said to have signed it with.
    """

    site = models.UUIDField()
    size = models.BigIntegerField()
    head = models.CharField(max_length=64)
    note = models.TextField()
    key = models.CharField(max_length=300)
    came_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["site", "size"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "size", "head"], name="primary_checkpoint_once"),
        ]

    def __str__(self) -> str:
        return f"{self.site} at {self.size}"


class WantedBlob(models.Model):
    """Bytes that the primary has and this replica has not yet; ``rank`` is lower for what goes first.

    ``files`` are the keys of the files that wait for them, as their own bytes or as the metadata beside them.
    """

    class Rank(models.IntegerChoices):
        """Whose files they are."""

        HOSTED = 0, "Of a hosted index"
        MIRROR = 1, "Of a mirror, which could be fetched elsewhere"

    sha256 = models.CharField(max_length=64, unique=True)
    size = models.BigIntegerField()
    files = models.JSONField(default=list)
    rank = models.PositiveSmallIntegerField(choices=Rank.choices, default=Rank.HOSTED)
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField()
    failure = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering: ClassVar = ["rank", "-id"]
        indexes: ClassVar = [models.Index(fields=["rank", "-id"], name="wanted_blob_order")]

    def __str__(self) -> str:
        return self.sha256
