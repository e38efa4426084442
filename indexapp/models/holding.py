"""Which bytes a replica holds, which not, and how fast and when it fetches them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Holding(models.Model):
    """What this replica holds of its primary's bytes.  There is one row, or none, and then it holds all.

    ``filters`` are :class:`indexapp.domain.replication.holding.Hold`.  ``number`` is another one after each change.  ``cursor``
    is the project up to which the filters were applied, None when all were.  ``is_fit_due`` is whether the budget has to be
    looked at anew.
    """

    only = models.BooleanField(primary_key=True, default=True, editable=False)
    filters = models.JSONField(default=dict)
    budget = models.BigIntegerField(null=True, blank=True)
    number = models.PositiveIntegerField(default=0)
    cursor = models.BigIntegerField(null=True, blank=True, default=0)
    is_fit_due = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(only=True), name="holding_one"),
        ]

    def __str__(self) -> str:
        return "what this replica holds"


class NotHeld(models.Model):
    """A file of which the primary has bytes and this replica is to have none; ``file`` and ``project`` are keys.

    No foreign keys: the rows of files are taken out and put in again as the primary's change.  The sizes are of its own bytes
    and of the metadata beside it.
    """

    class Reason(models.TextChoices):
        """Why it is not."""

        FILTER = "filter", "The filters leave it out"
        BUDGET = "budget", "The budget has no room for it"

    file = models.BigIntegerField(primary_key=True)
    project = models.BigIntegerField(db_index=True)
    size = models.BigIntegerField()
    metadata_size = models.BigIntegerField(default=0)
    reason = models.CharField(max_length=6, choices=Reason.choices)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(reason__in=["filter", "budget"]), name="not_held_reason_known"),
        ]

    def __str__(self) -> str:
        return f"file {self.file}"


class FetchLimit(models.Model):
    """How fast and when this replica fetches bytes.  There is one row, or none, and then at any time as fast as it can.

    ``rate`` is in bytes a second; ``windows`` are times of the day such as ``22:00-06:00`` in the time zone ``zone``.
    """

    only = models.BooleanField(primary_key=True, default=True, editable=False)
    rate = models.BigIntegerField(null=True, blank=True)
    windows = models.JSONField(default=list)
    zone = models.CharField(max_length=64, default="UTC")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(only=True), name="fetch_limit_one"),
        ]

    def __str__(self) -> str:
        return "how fast and when this replica fetches"
