"""Service accounts as rows of their own."""

from __future__ import annotations

from typing import ClassVar

from accounts.models.users import User


class ServiceAccount(User):
    """The account of a team's program; the same table as people's."""

    class Meta:
        proxy = True
        ordering: ClassVar = ["username"]
