"""Counters that say 'something of this kind has changed'."""

from __future__ import annotations

from django.db import models


class Generation(models.Model):
    """A named counter, raised in the transaction of each change of its kind.

    Readers that remember rights in memory compare one number instead of reading people, teams, tokens and roles again.
    """

    name = models.CharField(max_length=32, primary_key=True)
    value = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.name} {self.value}"
