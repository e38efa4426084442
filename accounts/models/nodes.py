"""The nodes of the installation, and what all of them must have alike."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Node(models.Model):
    """A machine, or a place on one, that serves; its web processes say every ten seconds that it lives."""

    name = models.CharField(max_length=200, unique=True)
    release = models.CharField(max_length=64)
    migrations = models.JSONField(default=dict)
    """The last migration that its code has, by app."""
    ring = models.JSONField(null=True, default=None)
    """The key ring that it has: ``{"current": <key id>, "keys": [<key id>]}``; nothing of a release that does not tell."""
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class SharedSecret(models.Model):
    """What shows whether a node has the same secret as the others; see :mod:`accounts.services.shared_secrets`."""

    name = models.CharField(max_length=100, primary_key=True)
    fingerprint = models.CharField(max_length=64)

    def __str__(self) -> str:
        return self.name
