"""How much an index or a team holds, and how much it may."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from accounts.models import Team
from indexapp.models.indexes import Index


class Quota(models.Model):
    """The account of one index or of one team, in bytes of files; a limit that is null does not hold.

    ``used`` is a counter that moves in the transactions of uploads and removals, so that an upload costs one statement
    however much there is.  ``is_soft_told`` is set while the alarm of the soft limit has rung.
    """

    index = models.OneToOneField(Index, models.CASCADE, related_name="quota", null=True, blank=True)
    team = models.OneToOneField(Team, models.CASCADE, related_name="quota", null=True, blank=True)
    used = models.BigIntegerField(default=0, db_default=0)
    soft_limit = models.BigIntegerField(null=True, blank=True)
    hard_limit = models.BigIntegerField(null=True, blank=True)
    is_soft_told = models.BooleanField(default=False, db_default=False)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(index__isnull=True) ^ models.Q(team__isnull=True), name="quota_has_one_holder"
            ),
            models.CheckConstraint(
                condition=models.Q(soft_limit__isnull=True) | models.Q(soft_limit__gt=0), name="quota_soft_positive"
            ),
            models.CheckConstraint(
                condition=models.Q(hard_limit__isnull=True) | models.Q(hard_limit__gt=0), name="quota_hard_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"index {self.index.name}" if self.index is not None else f"team {self.team}"
