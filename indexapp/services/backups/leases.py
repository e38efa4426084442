"""Garbage collection and backups: while a backup runs, nothing that its snapshot may speak of is removed.

A collection looks for a lease inside the transaction that removes, and a backup waits for such transactions to end before its
lease counts, so that each sees the other.  A backup that died lets go when its lease is over, by the clock of the database,
because those of the nodes may be apart.
"""

from __future__ import annotations

import time
from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from indexapp.models import Backup
from tpi_site.kit import locking

_LOCK = "garbage"
_LENGTH = timedelta(minutes=15)
_RENEW = 60.0  # seconds


def begin(name: str, place: str, kind: str) -> Backup:
    """The row of a new backup, with its lease."""
    until = Now() + _LENGTH
    with transaction.atomic():
        locking.hold(_LOCK)
        return Backup.objects.create(
            name=name, place=place[:400], kind=kind, started_at=timezone.now(), lease_until=until
        )


def is_held() -> bool:
    """Whether a backup runs; call it in the transaction that would remove something."""
    locking.hold_shared(_LOCK)
    return Backup.objects.filter(lease_until__gt=Now()).exists()


class Keeper:
    """Renews a lease as the work goes on."""

    def __init__(self, row: Backup) -> None:
        self._pk = row.pk
        self._next = time.monotonic() + _RENEW

    def keep(self) -> None:
        """Call it often."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _RENEW
            Backup.objects.filter(pk=self._pk).update(lease_until=Now() + _LENGTH)
