"""Raising and reading the counters that tell in-memory copies that they are out of date."""

from __future__ import annotations

from django.db.models import F

from accounts.models import Generation

ACCESS = "access"
"""People, teams, tokens, roles and what indexes say about access."""


def bump_access() -> None:
    """Make every remembered right void; call it in the transaction that changes one."""
    if not _raise():
        # The first change of an installation; somebody else's first change may come at the same moment.
        Generation.objects.get_or_create(name=ACCESS)
        _raise()


def _raise() -> int:
    return Generation.objects.filter(name=ACCESS).update(value=F("value") + 1)
