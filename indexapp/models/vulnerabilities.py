"""What is known of vulnerabilities: advisories, the projects they speak of, and how they came here."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Advisory(models.Model):
    """One OSV record; ``document`` is what the OSV queries answer.

    ``withdrawn_at`` is also set where a complete archive does not have the record any more.
    """

    osv_id = models.CharField(max_length=100, unique=True)
    aliases = models.JSONField(default=list)
    summary = models.CharField(max_length=1000, blank=True)
    details = models.TextField(blank=True)
    severity = models.CharField(max_length=300, blank=True)
    score = models.FloatField(null=True, blank=True)
    published = models.DateTimeField(null=True, blank=True)
    modified = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    document = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar = ["osv_id"]
        verbose_name_plural = "advisories"

    def __str__(self) -> str:
        return self.osv_id


class AdvisoryPackage(models.Model):
    """What an advisory says of one project: events by range, versions named one by one, and those that fix it."""

    advisory = models.ForeignKey(Advisory, models.CASCADE, related_name="packages")
    normalized_name = models.CharField(max_length=100)
    ranges = models.JSONField(default=list)
    versions = models.JSONField(default=list)
    fixed = models.JSONField(default=list)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["normalized_name", "advisory"], name="advisory_once_per_name"),
        ]

    def __str__(self) -> str:
        return f"{self.advisory_id}: {self.normalized_name}"


class AdvisoryImport(models.Model):
    """An import that was begun; ``source`` is told without credentials.

    ``unusable`` names the first of the records that were ``refused``, each with ``name`` and ``reason``.
    """

    class State(models.TextChoices):
        """How it stands."""

        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    source = models.CharField(max_length=400)
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    records = models.BigIntegerField(default=0)
    added = models.BigIntegerField(default=0)
    changed = models.BigIntegerField(default=0)
    withdrawn = models.BigIntegerField(default=0)
    refused = models.BigIntegerField(default=0)
    unusable = models.JSONField(default=list, db_default=[], blank=True)
    sentence = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering: ClassVar = ["-pk"]

    def __str__(self) -> str:
        return f"import {self.pk}"
