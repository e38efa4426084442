"""Where people are signed in."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from accounts.models.users import User


class BrowserSession(models.Model):
    """A browser in which somebody has signed in, beside Django's row of the same session, which is nothing without it.

    ``key`` is a keyed digest of a secret that only the session holds.  ``seen_at`` is late by a minute at most;
    ``proved_at`` is when the person last showed that it is them.  ``method`` is what the session was begun with: a password
    alone, or after it a code of the ``authenticator`` or a ``recovery-code``.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="browser_sessions")
    key = models.CharField(max_length=64, unique=True)
    method = models.CharField(max_length=16)
    second_factor = models.BooleanField(default=False)
    address = models.CharField(max_length=64, blank=True)
    browser = models.CharField(max_length=80, blank=True)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    proved_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-started_at", "-id"]
        verbose_name = "session"
        indexes: ClassVar = [
            models.Index(fields=["user", "-started_at"], name="browser_session_by_user"),
            models.Index(fields=["seen_at"], name="browser_session_by_use"),
            models.Index(fields=["-started_at", "-id"], name="browser_session_by_start"),
        ]

    def __str__(self) -> str:
        return f"{self.browser or 'unknown browser'} of {self.user}"
