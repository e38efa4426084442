"""How far the rolling examination of all stored bytes has come."""

from __future__ import annotations

from django.db import models


class ScrubCount(models.Model):
    """What the scrub has read since the installation was made: one row, so that no figure takes a scan."""

    blobs = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    last_run_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.blobs} contents, {self.bytes} bytes"
