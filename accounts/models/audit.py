"""The record of who did what, and what makes it evidence."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class DetailField(models.JSONField):
    """JSON kept as the text that was written, sorted and without blanks, because the chain hashes that text.

    PostgreSQL's ``jsonb`` would store a form of its own, which differs from what SQLite stores.
    """

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        """Text everywhere."""
        return "text"

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:  # noqa: FBT001, FBT002  Django's signature
        """The text; fails on what JSON cannot say."""
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


class AuditEntry(models.Model):
    """One act, or one refusal, written in the transaction of what it records.

    Names stand beside ids, without foreign keys, so that the evidence outlives what it speaks of.  Triggers of the
    database refuse every change and deletion.
    """

    class Outcome(models.TextChoices):
        """How it went."""

        DONE = "done", "Done"
        REFUSED = "refused", "Refused"

    at = models.DateTimeField(auto_now_add=True)
    actor_id = models.BigIntegerField(null=True, blank=True)
    actor_name = models.CharField(max_length=150)
    token_key_id = models.CharField(max_length=12, blank=True)
    method = models.CharField(max_length=16)
    address = models.CharField(max_length=64, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    action = models.CharField(max_length=64)
    object_type = models.CharField(max_length=32, blank=True)
    object_id = models.BigIntegerField(null=True, blank=True)
    object_name = models.CharField(max_length=400, blank=True)
    outcome = models.CharField(max_length=8, choices=Outcome.choices, default=Outcome.DONE)
    reason = models.CharField(max_length=64, blank=True)
    detail = DetailField(default=dict, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name_plural = "audit entries"
        indexes: ClassVar = [
            models.Index(fields=["actor_name", "-id"], name="audit_by_actor"),
            models.Index(fields=["object_type", "object_name", "-id"], name="audit_by_object"),
            models.Index(fields=["at"], name="audit_by_time"),
            models.Index(fields=["request_id"], name="audit_by_request"),
            models.Index(fields=["token_key_id", "-id"], name="audit_by_token"),
            models.Index(fields=["address", "-id"], name="audit_by_address"),
            models.Index(fields=["action", "-id"], name="audit_by_action"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name}: {self.action} {self.object_name}"


class AuditPending(models.Model):
    """An entry that waits for its place in the chain; a trigger writes it in the entry's own transaction."""

    entry_id = models.BigIntegerField(primary_key=True)

    def __str__(self) -> str:
        return f"entry {self.entry_id}"


class AuditLink(models.Model):
    """The place of one entry in the chain: positions have no gaps, ``hash`` covers the entry and the hash before."""

    position = models.BigIntegerField(primary_key=True)
    entry_id = models.BigIntegerField(unique=True)
    hash = models.BinaryField(max_length=32)

    class Meta:
        ordering: ClassVar = ["position"]

    def __str__(self) -> str:
        return f"{self.position}: entry {self.entry_id}"


class AuditCheckpoint(models.Model):
    """The chain's length and last hash at one moment, signed; ``note`` is the text that leaves the installation."""

    size = models.BigIntegerField(unique=True)
    note = models.TextField()
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-size"]

    def __str__(self) -> str:
        return f"checkpoint at {self.size}"
