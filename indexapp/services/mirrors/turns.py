"""Of all processes and nodes one asks an upstream for a page at a time: the row of the name holds until when."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from indexapp.models import MirroredProject

SECONDS = 45.0
"""For how long one process may ask for a page before another one takes over; longer than the client's own time-out."""
_LOOK_AGAIN = 0.05  # seconds


def take(row: MirroredProject) -> bool:
    """Whether it is our turn to ask now."""
    now = timezone.now()
    free = Q(asked_until=None) | Q(asked_until__lt=now)
    until = now + timedelta(seconds=SECONDS)
    return bool(MirroredProject.objects.filter(free, pk=row.pk).update(asked_until=until))


def wait(row: MirroredProject) -> bool:
    """Take the turn when who is asking has ended; False where that takes too long."""
    end = time.monotonic() + SECONDS
    while not take(row):
        if time.monotonic() > end:
            return False
        time.sleep(_LOOK_AGAIN)
    return True


def ask_or_wait(
    row: MirroredProject,
    *,
    is_told: Callable[[MirroredProject], bool],
    ask: Callable[[MirroredProject], None],
    anew: Callable[[], MirroredProject],
) -> MirroredProject | None:
    """Ask, or wait for who is asking, until ``is_told`` of the row, which is read ``anew``; None where that takes too long."""
    end = time.monotonic() + SECONDS
    while not is_told(row):
        if time.monotonic() > end:
            return None
        if take(row):
            ask(row)
        else:
            time.sleep(_LOOK_AGAIN)
        row = anew()
    return row
