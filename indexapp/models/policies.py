"""Rules on what indexes let through, exceptions from them, and what waits for somebody to look at it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from indexapp.models.indexes import Index


class PolicyRule(models.Model):
    """One rule of an index, or of all where ``index`` is null; lower positions are asked first.

    ``conditions`` are as :mod:`indexapp.domain.policy.written` reads them.  ``since`` is when the rule began to hold as it is
    now, ``contact`` whom to ask for an exception.
    """

    class Effect(models.TextChoices):
        """See :class:`indexapp.domain.policy.effects.Effect`."""

        ALLOW = "allow", "Allow, and ask no later rule"
        WARN = "warn", "Note its use"
        HOLD = "hold", "Hold until somebody has looked"
        BLOCK = "block", "Block, and say why"
        HIDE = "hide", "Block, and leave it off pages"

    class OnMissing(models.TextChoices):
        """What holds for a file where data that a condition needs are missing."""

        MATCH = "match", "The rule holds"
        SKIP = "skip", "The rule does not hold"

    index = models.ForeignKey(Index, models.CASCADE, related_name="policy_rules", null=True, blank=True)
    position = models.PositiveIntegerField()
    name = models.CharField(max_length=100)
    is_enabled = models.BooleanField(default=True)
    effect = models.CharField(max_length=5, choices=Effect.choices)
    conditions = models.JSONField(default=dict, blank=True)
    on_missing = models.CharField(max_length=5, choices=OnMissing.choices)
    reason = models.CharField(max_length=500, blank=True)
    contact = models.CharField(max_length=200, blank=True)
    since = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=150)

    class Meta:
        ordering: ClassVar = ["position", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["index", "name"], condition=models.Q(index__isnull=False), name="policy_rule_name_once"
            ),
            models.UniqueConstraint(
                fields=["name"], condition=models.Q(index__isnull=True), name="policy_rule_name_once_of_all"
            ),
            models.CheckConstraint(
                condition=models.Q(effect__in=["allow", "warn", "hold", "block", "hide"]), name="policy_effect_known"
            ),
            models.CheckConstraint(
                condition=models.Q(on_missing__in=["match", "skip"]), name="policy_on_missing_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.index.name if self.index else 'all indexes'}: {self.name}"


class PolicyException(models.Model):
    """For some time a rule, or with null every rule, does not hold for versions of a project; empty ``versions`` are all."""

    index = models.ForeignKey(Index, models.CASCADE, related_name="policy_exceptions", null=True, blank=True)
    project = models.CharField(max_length=128)
    versions = models.CharField(max_length=500, blank=True)
    rule = models.ForeignKey(PolicyRule, models.CASCADE, related_name="exceptions", null=True, blank=True)
    reason = models.CharField(max_length=500)
    expires_at = models.DateTimeField()
    is_break_glass = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=150)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        indexes: ClassVar = [
            models.Index(fields=["expires_at"], name="policy_exception_in_force", condition=models.Q(revoked_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.project} {self.versions}".strip()

    @property
    def is_in_force(self) -> bool:
        """Whether it holds at this moment."""
        return self.revoked_at is None and self.expires_at > timezone.now()


class PolicyHold(models.Model):
    """A release that a rule holds back for review since somebody asked for a file of it; ``index`` is where it lies.

    What was approved are the files that there were then: ``approved_upto`` is the number of the last one.  A row that waits
    and has one was approved before a further file came.  ``filename`` had that number as text; it stays for nodes of the
    earlier code, and goes in a later release.
    """

    class State(models.TextChoices):
        """What was decided."""

        PENDING = "pending", "Waits"
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"

    index = models.ForeignKey(Index, models.CASCADE, related_name="policy_holds")
    rule = models.ForeignKey(PolicyRule, models.CASCADE, related_name="holds")
    project = models.CharField(max_length=128)
    version = models.CharField(max_length=128)
    filename = models.CharField(max_length=255, blank=True)
    approved_upto = models.BigIntegerField(null=True, blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    held_at = models.DateTimeField(auto_now_add=True)
    asked_by = models.CharField(max_length=150, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=150, blank=True)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["index", "project", "version", "rule"], name="policy_hold_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=["pending", "approved", "rejected"]), name="policy_hold_state_known"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["state", "-id"], name="policy_hold_by_state")]

    def __str__(self) -> str:
        return f"{self.project} {self.version}"

    @property
    def looked_at_upto(self) -> int | None:
        """The number of the last file that was approved; None where earlier code approved all that may come."""
        if self.approved_upto is None and self.filename.isascii() and self.filename.isdigit():
            return int(self.filename)  # approved by a node of the earlier code after the migration
        return self.approved_upto
