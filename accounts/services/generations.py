"""Raising and reading the counters that tell in-memory copies that they are out of date."""

from __future__ import annotations

from django.db.models import F

from accounts.models import Generation

ACCESS = "access"
"""People, teams, tokens, roles and what indexes say about access."""
POLICY = "policy"
"""Rules on what indexes let through, exceptions from them, and the data that they are held against."""


def bump_access() -> None:
    """Make every remembered right void; call it in the transaction that changes one."""
    _bump(ACCESS)


def bump_policy() -> None:
    """Have pages and files held against the policy anew; call it in the transaction that changes what they are held against."""
    _bump(POLICY)


def _bump(name: str) -> None:
    if not _raise(name):
        # The first change of an installation; somebody else's first change may come at the same moment.
        Generation.objects.get_or_create(name=name)
        _raise(name)


def _raise(name: str) -> int:
    return Generation.objects.filter(name=name).update(value=F("value") + 1)
