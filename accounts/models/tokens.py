"""API tokens."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Length

models.CharField.register_lookup(Length)


class Token(models.Model):
    """A credential of a user, narrowed by verbs, indexes, projects and time.

    The secret is not here: ``digest`` is its HMAC under the installation's pepper.  Scopes hold names, so that a token
    made for an index or project survives its deletion and re-creation in neither more nor less than name.
    """

    key_id = models.CharField(max_length=12, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=100)
    verbs = models.PositiveSmallIntegerField()
    indexes = models.JSONField(default=list, blank=True)
    projects = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(digest__length=64), name="token_digest_is_a_digest"),
            models.CheckConstraint(condition=models.Q(verbs__gt=0), name="token_has_verbs"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.key_id})"
