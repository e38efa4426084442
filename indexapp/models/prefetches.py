"""What is fetched into mirrors before anybody asks for it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from indexapp.models.indexes import Index
from indexapp.models.projects import File


class PrefetchJob(models.Model):
    """A list of requirements whose files are brought into the mirrors of ``index``.

    ``kind`` is what wrote the list and ``name`` what it was called; ``targets`` are pairs of a Python and a platform, and
    ``notes`` say what of the list was left out; where it ``is_pinning``, what it brings is not given up for want of room.
    Whoever works on it has it until ``lease_until``.
    """

    class State(models.TextChoices):
        """How it stands; a failed one brought all but what its items tell of."""

        QUEUED = "queued", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Ended, with files missing"
        CANCELLED = "cancelled", "Cancelled"

    index = models.ForeignKey(Index, models.CASCADE, related_name="prefetches")
    kind = models.CharField(max_length=20)
    name = models.CharField(max_length=200)
    targets = models.JSONField(default=list)
    with_sdists = models.BooleanField(default=False)
    is_pinning = models.BooleanField("pins", default=False, db_default=False)
    notes = models.JSONField(default=list)
    state = models.CharField(max_length=9, choices=State.choices, default=State.QUEUED)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    fetched_bytes = models.BigIntegerField(default=0)
    message = models.CharField(max_length=500, blank=True)
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        verbose_name = "prefetch"
        verbose_name_plural = "prefetches"
        indexes: ClassVar = [
            models.Index(fields=["state", "lease_until"], name="prefetch_by_state"),
            models.Index(fields=["index", "-id"], name="prefetch_of_index"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(state__in=["queued", "running", "done", "failed", "cancelled"]),
                name="prefetch_state_known",
            ),
        ]

    def __str__(self) -> str:
        when = f", {self.created_at:%Y-%m-%d %H:%M} UTC" if self.created_at else ""
        return f"{self.name} into {self.index.name}{when}"

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state not in {self.State.QUEUED, self.State.RUNNING}


class PrefetchItem(models.Model):
    """One requirement of a prefetch, and once it is known which files meet it, a row for each of them in its place.

    ``wanted`` is the requirement (:class:`indexapp.domain.locks.wanted.Wanted`) with whether who asked may
    learn that its name is ours; empty for a file.
    """

    class State(models.TextChoices):
        """How it stands."""

        QUEUED = "queued", "Waiting"
        DONE = "done", "Here"
        OURS = "ours", "Ours: nothing to fetch"
        SKIPPED = "skipped", "Not for these targets"
        FAILED = "failed", "Failed"

    job = models.ForeignKey(PrefetchJob, models.CASCADE, related_name="items")
    wanted = models.JSONField(default=dict)
    project = models.CharField(max_length=128)
    version = models.CharField(max_length=128, blank=True)
    filename = models.CharField(max_length=255, blank=True)
    file = models.ForeignKey(File, models.SET_NULL, related_name="prefetch_items", null=True, blank=True)
    state = models.CharField(max_length=7, choices=State.choices, default=State.QUEUED)
    reason = models.CharField(max_length=500, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    size = models.BigIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["pk"]
        indexes: ClassVar = [models.Index(fields=["job", "state", "attempts"], name="prefetch_item_by_state")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["job", "filename"], condition=~models.Q(filename=""), name="prefetch_file_once"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["queued", "done", "ours", "skipped", "failed"]),
                name="prefetch_item_state_known",
            ),
        ]

    def __str__(self) -> str:
        return self.filename or self.project


class MirrorPlan(models.Model):
    """That a mirror copies its upstream by itself, all of it or what the filters let through.

    ``include`` and ``exclude`` are patterns of normalised names; empty lists of patterns, ``platforms`` and ``pythons`` let
    everything through.  ``newest`` is of how many releases of each project the files are fetched.  ``cursor`` is the
    upstream's serial up to which its list was read; the names that changed until then and were not copied yet are
    :class:`PlannedName` rows.
    """

    class State(models.TextChoices):
        """How it stands."""

        IDLE = "idle", "Up to date"
        COPYING = "copying", "Copying"
        FULL = "full", "Stopped: the budget is used up"
        FAILED = "failed", "The upstream failed"

    index = models.OneToOneField(Index, models.CASCADE, related_name="plan", primary_key=True)
    is_on = models.BooleanField(default=False)
    include = models.JSONField(default=list, blank=True)
    exclude = models.JSONField(default=list, blank=True)
    newest = models.PositiveIntegerField(null=True, blank=True)
    with_wheels = models.BooleanField(default=True)
    with_sdists = models.BooleanField(default=True)
    with_prereleases = models.BooleanField(default=False)
    platforms = models.JSONField(default=list, blank=True)
    pythons = models.JSONField(default=list, blank=True)
    max_file_size = models.BigIntegerField(null=True, blank=True)
    byte_budget = models.BigIntegerField(null=True, blank=True)
    every_minutes = models.PositiveIntegerField(default=60)
    cursor = models.BigIntegerField(default=0)
    state = models.CharField(max_length=7, choices=State.choices, default=State.IDLE)
    message = models.CharField(max_length=500, blank=True)
    listed_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(state__in=["idle", "copying", "full", "failed"]), name="mirror_plan_state_known"
            ),
        ]

    def __str__(self) -> str:
        return f"copy of the upstream of {self.index.name}"


class PlannedName(models.Model):
    """A name of a mirror's upstream that changed and is to be copied; gone when it is."""

    plan = models.ForeignKey(MirrorPlan, models.CASCADE, related_name="names")
    normalized_name = models.CharField(max_length=128)
    serial = models.BigIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering: ClassVar = ["pk"]
        indexes: ClassVar = [models.Index(fields=["plan", "not_before"], name="planned_name_due")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["plan", "normalized_name"], name="planned_name_once"),
        ]

    def __str__(self) -> str:
        return self.normalized_name
