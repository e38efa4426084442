"""What an account proves itself with beside its password."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from accounts.models.users import User


class Authenticator(models.Model):
    """An authenticator app that knows a secret of ours (RFC 6238).

    One that is being set up stands beside the one in use until its first code was right; ``secret`` is sealed for the
    account.  ``last_step`` is the newest 30-second step of which a code was taken: that step and those before it are over.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="authenticators")
    secret = models.CharField(max_length=300)
    last_step = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user"], condition=models.Q(confirmed_at__isnull=False), name="authenticator_in_use_once"
            ),
            models.UniqueConstraint(
                fields=["user"], condition=models.Q(confirmed_at__isnull=True), name="authenticator_set_up_once"
            ),
        ]

    def __str__(self) -> str:
        return f"authenticator of {self.user}"


class RecoveryCode(models.Model):
    """A code that stands in for the authenticator once; only its keyed digest is kept."""

    user = models.ForeignKey(User, models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "digest"], name="recovery_code_once"),
        ]

    def __str__(self) -> str:
        return f"recovery code of {self.user}"
