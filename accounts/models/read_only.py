"""When the installation was read-only."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class ReadOnlyPeriod(models.Model):
    """From switching the mode on to switching it off; one without an end is the present one."""

    reason = models.CharField(max_length=200, blank=True)
    started_at = models.DateTimeField(auto_now_add=True)
    started_by = models.CharField(max_length=150)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            # An open one has been ended by nobody, so that there is one.
            models.UniqueConstraint(
                fields=["ended_by"], condition=models.Q(ended_at__isnull=True), name="read_only_once"
            ),
        ]

    def __str__(self) -> str:
        return f"read-only since {self.started_at:%Y-%m-%d %H:%M}"
