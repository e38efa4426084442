"""What is remembered of sign-ins across processes and nodes."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class SignInMark(models.Model):
    """A count under a keyed digest, until a time: failures of an account or address, or a password that was right.

    The key tells nothing about what it was made of.
    """

    key = models.CharField(max_length=64, primary_key=True)
    count = models.PositiveIntegerField(default=1)
    until = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["until"], name="sign_in_mark_by_end")]

    def __str__(self) -> str:
        return self.key[:8]


class VerifiedPassword(models.Model):
    """A pair of name and password that was right, until a time; the key is a keyed digest of both.

    ``stored`` is a digest of what the account's row says about its password, so that a change of it is noticed.
    """

    key = models.CharField(max_length=64, primary_key=True)
    user = models.ForeignKey("accounts.User", models.CASCADE, related_name="+")
    stored = models.CharField(max_length=64)
    until = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["until"], name="verified_password_by_end")]

    def __str__(self) -> str:
        return self.key[:8]
