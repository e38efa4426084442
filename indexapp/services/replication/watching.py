"""What a site that follows nobody looks after: old primaries that are to be told, and replicas that might have taken over."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from threading import Event

from django.db import DatabaseError, InterfaceError, connections
from django.db.models import Q

from indexapp.models import Fence, Following, Replica, Takeover
from indexapp.services.replication import heirs, takeovers
from tpi_site.kit import locking

log = logging.getLogger(__name__)
LOCK = "replication-watcher"
_TICK = 1.0
_ASK, _ASK_IN_DOUBT = 20.0, 3.0
"""Seconds between two questions to the replicas that may take over."""


def is_needed() -> bool:
    """Whether there is anything to look after; one query on most installations."""
    if Following.objects.exists():
        return False
    return (
        Takeover.objects.filter(acknowledged_at=None).exists()
        or Replica.objects.filter(Q(may_take_over=True) & Q(site__isnull=False)).exists()
        or Fence.objects.filter(state=Fence.State.IN_DOUBT).exists()
    )


def run(ending: Event) -> None:
    """Look until somebody says stop, as soon as no other process of any node does."""
    with suppress(DatabaseError, InterfaceError), locking.alone(LOCK):
        asked_at = float("-inf")
        while not ending.wait(_TICK):
            try:
                takeovers.tell_due()
                in_doubt = Fence.objects.filter(state=Fence.State.IN_DOUBT).exists()
                if time.monotonic() - asked_at >= (_ASK_IN_DOUBT if in_doubt else _ASK):
                    heirs.ask_again()
                    asked_at = time.monotonic()
            except (DatabaseError, InterfaceError) as error:
                log.warning("The watcher waits for the database: %s", error)
                connections.close_all()
    connections.close_all()
