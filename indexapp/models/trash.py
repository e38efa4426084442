"""What was deleted and can still be had back.

The rows lie in tables of their own, so that nothing that is served, listed or searched has to leave them out: a page's query
is the same with a full trash as with an empty one.  Each keeps the columns of its row as JSON, under the row's own key.
"""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from accounts.models import Team
from indexapp.models.indexes import Index
from indexapp.models.projects import Blob
from indexapp.models.querysets import RoleQuerySet


class Trashed(models.Model):
    """One deletion: of a project with all that it had, of a release with its files, or of a file.

    ``project_key`` is the key that the project had or has.  ``size`` counts for the index, and for ``team``, until the purge.
    """

    class Kind(models.TextChoices):
        """What was deleted."""

        PROJECT = "project", "Project"
        RELEASE = "release", "Release"
        FILE = "file", "File"

    kind = models.CharField(max_length=8, choices=Kind.choices)
    index = models.ForeignKey(Index, models.PROTECT, related_name="trash")
    project_key = models.BigIntegerField()
    project_name = models.CharField(max_length=128)
    normalized_name = models.CharField(max_length=128)
    confusable_key = models.CharField(max_length=128, blank=True)
    version = models.CharField(max_length=128, blank=True)
    filename = models.CharField(max_length=255, blank=True)
    team = models.ForeignKey(Team, models.SET_NULL, related_name="+", null=True, blank=True)
    size = models.BigIntegerField(default=0)
    files_count = models.PositiveIntegerField(default=0)
    project_row = models.JSONField(default=dict, blank=True)
    deleted_at = models.DateTimeField(auto_now_add=True)
    deleted_by = models.CharField(max_length=150)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name = "deleted thing"
        verbose_name_plural = "trash"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["project", "release", "file"]), name="trashed_kind_known"
            ),
            models.UniqueConstraint(
                fields=["index", "normalized_name"],
                condition=models.Q(kind="project"),
                name="trashed_project_once_per_index",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["deleted_at"], name="trashed_by_age"),
            models.Index(fields=["project_key"], name="trashed_of_project"),
            models.Index(fields=["index", "confusable_key"], name="trashed_confusable"),
        ]

    def __str__(self) -> str:
        return self.filename or " ".join(filter(None, [self.project_name, self.version]))


class TrashedRelease(models.Model):
    """A release of it: its columns and those of its description."""

    entry = models.ForeignKey(Trashed, models.CASCADE, related_name="releases")
    row = models.JSONField()
    description = models.JSONField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.entry}: {self.row['version']}"


class TrashedFile(models.Model):
    """A file of it, whose bytes stay in the storage as long as this does."""

    entry = models.ForeignKey(Trashed, models.CASCADE, related_name="files")
    filename = models.CharField(max_length=255)
    blob = models.ForeignKey(Blob, models.PROTECT, related_name="trashed")
    metadata_blob = models.ForeignKey(Blob, models.PROTECT, related_name="trashed_metadata_of", null=True, blank=True)
    row = models.JSONField()

    def __str__(self) -> str:
        return self.filename


class TrashedRole(models.Model):
    """A role on a deleted project; it says who may have the project back, and comes back with it."""

    entry = models.ForeignKey(Trashed, models.CASCADE, related_name="roles")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", null=True, blank=True)
    team = models.ForeignKey(Team, models.CASCADE, related_name="+", null=True, blank=True)
    through = models.ForeignKey(Team, models.CASCADE, related_name="+", null=True, blank=True)
    verbs = models.PositiveSmallIntegerField()

    objects = RoleQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.user or self.team} on {self.entry}"
