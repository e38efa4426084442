"""What an operator has to look at."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Alarm(models.Model):
    """Something that needs a person; one open row for each ``code`` and ``subject``, however often it happens."""

    code = models.CharField(max_length=64)
    subject = models.CharField(max_length=200, blank=True)
    sentence = models.CharField(max_length=500)
    count = models.PositiveIntegerField(default=1)
    raised_at = models.DateTimeField(auto_now_add=True)
    last_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering: ClassVar = ["-last_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["code", "subject"], condition=models.Q(ended_at__isnull=True), name="alarm_open_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.subject}".strip()
