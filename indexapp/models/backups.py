"""Evidence of backups, of drills with them, and of restores."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Backup(models.Model):
    """A backup that was begun; ``name`` is what its manifest is called.

    While ``lease_until`` lies ahead, garbage collection removes nothing that the backup may still have to copy.
    """

    class Kind(models.TextChoices):
        """Whether everything at the place was read again, or only what is new was copied."""

        FULL = "full", "Full"
        INCREMENTAL = "incremental", "Incremental"

    class State(models.TextChoices):
        """How it stands; a damaged one lacks contents that were lost before it was made."""

        RUNNING = "running", "Running"
        DONE = "done", "Done"
        DAMAGED = "damaged", "Done, with contents missing"
        FAILED = "failed", "Failed"

    name = models.CharField(max_length=40, unique=True)
    place = models.CharField(max_length=400)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    contents = models.BigIntegerField(default=0)
    copied = models.BigIntegerField(default=0)
    copied_bytes = models.BigIntegerField(default=0)
    damaged = models.BigIntegerField(default=0)
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    sentence = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        indexes: ClassVar = [models.Index(fields=["state", "finished_at"], name="backup_by_state")]

    def __str__(self) -> str:
        return self.name


class Drill(models.Model):
    """A restore of a backup into scratch; ``report`` is what was seen, ``report_sha256`` of it as it was printed."""

    backup_name = models.CharField(max_length=40)
    place = models.CharField(max_length=400)
    started_at = models.DateTimeField()
    seconds = models.FloatField()
    is_good = models.BooleanField()
    contents = models.BigIntegerField(default=0)
    installed = models.BigIntegerField(default=0)
    sentence = models.CharField(max_length=500)
    report = models.JSONField(default=dict)
    report_sha256 = models.CharField(max_length=64)

    class Meta:
        ordering: ClassVar = ["-pk"]

    def __str__(self) -> str:
        return f"drill of {self.backup_name}"


class Restoration(models.Model):
    """That this installation was restored: what it served after ``last_serial`` and before ``next_serial`` is not here."""

    backup_name = models.CharField(max_length=40)
    place = models.CharField(max_length=400)
    made_at = models.DateTimeField()
    restored_at = models.DateTimeField()
    last_serial = models.BigIntegerField()
    next_serial = models.BigIntegerField()

    class Meta:
        ordering: ClassVar = ["-pk"]

    def __str__(self) -> str:
        return f"restored from {self.backup_name}"
