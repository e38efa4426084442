"""The change log: one stream of everything that happened to what is published."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Change(models.Model):
    """One change; ``serial`` follows the order of commits.

    No foreign keys: the log outlives what it speaks of.  ``kind`` is one of :class:`indexapp.domain.change_kinds.ChangeKind`.
    """

    serial = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(auto_now_add=True)
    kind = models.CharField(max_length=32)
    index_id = models.BigIntegerField()
    index_name = models.CharField(max_length=64)
    project = models.CharField(max_length=128, blank=True)
    version = models.CharField(max_length=128, blank=True)
    filename = models.CharField(max_length=255, blank=True)
    actor_name = models.CharField(max_length=150)
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering: ClassVar = ["serial"]
        indexes: ClassVar = [
            models.Index(fields=["index_name", "serial"], name="change_by_index"),
            models.Index(fields=["index_name", "project", "serial"], name="change_by_project"),
        ]

    def __str__(self) -> str:
        return f"{self.serial} {self.kind} {self.index_name}/{self.project}"
