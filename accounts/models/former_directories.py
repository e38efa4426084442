"""Directories that were removed, or are being removed now, as far as their people's accounts have to know."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class FormerDirectory(models.Model):
    """What a removed directory was known by, and how far its removal has come.

    ``base`` and ``places`` are those of :class:`accounts.domain.directory_identity.DirectoryIdentity`; ``people`` is how
    many accounts it had, ``ended`` how many of them have been seen to.
    """

    name = models.CharField(max_length=64)
    kind = models.CharField(max_length=20)
    base = models.CharField(max_length=500)
    places = models.JSONField(default=list)
    is_proved = models.BooleanField()
    began_at = models.DateTimeField(auto_now_add=True)
    people = models.PositiveIntegerField(default=0)
    ended = models.PositiveIntegerField(default=0)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name_plural = "former directories"

    def __str__(self) -> str:
        return self.name
