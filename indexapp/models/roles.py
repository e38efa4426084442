"""Who holds which verbs where, and which names are kept for whom."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from accounts.models import Team
from indexapp.models.indexes import Index
from indexapp.models.projects import Project
from indexapp.models.querysets import RoleQuerySet


class Role(models.Model):
    """Verbs of one user or one team on an index or, when ``project`` is set, on that project alone.

    ``verbs`` is the mask of :mod:`accounts.domain.verbs`.  A user's role that was given ``through`` a team, as that on a
    project which they made by the team's right, holds as long as they are in the team or below it.
    """

    index = models.ForeignKey(Index, models.CASCADE, related_name="roles")
    project = models.ForeignKey(Project, models.CASCADE, related_name="roles", null=True, blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="roles", null=True, blank=True)
    team = models.ForeignKey(Team, models.CASCADE, related_name="roles", null=True, blank=True)
    through = models.ForeignKey(Team, models.CASCADE, related_name="+", null=True, blank=True)
    verbs = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RoleQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [
            # These hold all that a rights check reads, so it never fetches a row (:mod:`indexapp.models.held_verbs`).
            models.Index(fields=["user", "index", "project", "verbs", "through"], name="role_of_user"),
            models.Index(fields=["team", "index", "project", "verbs"], name="role_of_team"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(user__isnull=True) ^ models.Q(team__isnull=True), name="role_has_one_holder"
            ),
            models.CheckConstraint(condition=models.Q(verbs__gt=0), name="role_has_verbs"),
            models.CheckConstraint(
                condition=models.Q(through__isnull=True) | models.Q(user__isnull=False),
                name="role_through_a_team_is_a_users",
            ),
            *(
                models.UniqueConstraint(
                    fields=["index", holder] if scope == "index" else ["index", "project", holder],
                    condition=models.Q(project__isnull=scope == "index", **{f"{holder}__isnull": False}),
                    name=f"role_once_per_{holder}_on_{scope}",
                )
                for holder in ("user", "team")
                for scope in ("index", "project")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user or self.team} on {self.project or self.index}"


class ReservedPrefix(models.Model):
    """A prefix of project names that only one team may begin a new name with, on one index or on all."""

    prefix = models.CharField(max_length=100)
    team = models.ForeignKey(Team, models.CASCADE, related_name="reserved_prefixes")
    index = models.ForeignKey(Index, models.CASCADE, related_name="reserved_prefixes", null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["prefix"]
        verbose_name_plural = "reserved prefixes"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["prefix", "index"], condition=models.Q(index__isnull=False), name="reserved_prefix_once"
            ),
            models.UniqueConstraint(
                fields=["prefix"], condition=models.Q(index__isnull=True), name="reserved_prefix_once_everywhere"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.prefix} for {self.team}"
