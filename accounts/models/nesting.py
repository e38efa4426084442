"""Which teams stand above which, at any distance."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from accounts.models.users import Team


class TeamNesting(models.Model):
    """``ancestor`` stands above ``descendant``; derived from :attr:`Team.parent` in the transaction that changes it.

    A team is not above itself, so an installation without nested teams has no rows here.
    """

    ancestor = models.ForeignKey(Team, models.CASCADE, related_name="below")
    descendant = models.ForeignKey(Team, models.CASCADE, related_name="above")
    distance = models.PositiveSmallIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["descendant", "ancestor"], name="team_nesting_once"),
            models.CheckConstraint(condition=models.Q(distance__gte=1), name="team_nesting_distance"),
        ]

    def __str__(self) -> str:
        return f"{self.descendant} below {self.ancestor}"
