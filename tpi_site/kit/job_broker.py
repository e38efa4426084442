"""The queue of jobs in the database, where who took a job must go on saying so.

django-q hides a taken job until it should long have ended, so that a job whose node is lost would wait most of an hour.
Here it is hidden for a short lease, which the process that took it renews while it lives; when the lease has run out, any
node takes the job up again.  A job that ran into its time-out, or failed, waits as long as it does with django-q.
All moments are told by the clock of the database: one node's being fast must not take another's jobs away.
"""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event, Lock, Thread
from typing import Any

from django.conf import settings
from django.db import Error, connections
from django_q.brokers.orm import ORM
from django_q.conf import Conf

from tpi_site.kit import clock

log = logging.getLogger(__name__)
_RENEWALS = 4  # of which all but one may fail before the lease runs out


def _lease() -> timedelta:
    """Longer than a node may take to end, for then it renews no more while its last job goes on."""
    return timedelta(seconds=max(settings.TPI_JOB_LEASE_SECONDS, 2 * settings.TPI_DRAIN_SECONDS))


@dataclass
class Lease:
    """Until when a job is hidden by us, and how long we may go on renewing."""

    lock: datetime
    last: datetime


class LeasingBroker(ORM):  # type: ignore[misc]  # django-q is untyped
    """django-q's broker of the ORM, with leases."""

    def __init__(self, list_key: str | None = None) -> None:
        super().__init__(list_key=list_key)
        self._begin()

    def __setstate__(self, state: Any) -> None:
        """As the base class, which is handed from process to process; what one holds is its own."""
        super().__setstate__(state)
        self._begin()

    def _begin(self) -> None:
        self._taken: dict[int, Lease] = {}
        self._held: dict[int, Lease] = {}
        self._guard = Lock()
        self._pid = 0

    def timeout(self, task: Any) -> datetime:
        """Until when a job is hidden that is about to be taken."""
        now = clock.now()
        self._taken[task.pk] = Lease(now + _lease(), now + timedelta(seconds=Conf.RETRY))
        return self._taken[task.pk].lock

    def enqueue(self, task: Any) -> Any:
        """As the base class: the job may be taken at once."""
        return self.get_connection().create(key=self.list_key or Conf.CLUSTER_NAME, payload=task, lock=clock.now()).pk

    def queue_size(self) -> int:
        """How many jobs nobody has taken."""
        return int(self._waiting().count())

    def lock_size(self) -> int:
        """How many jobs are hidden."""
        return int(self.get_connection().filter(key=self.list_key, lock__gt=clock.now()).count())

    def _waiting(self) -> Any:
        return self.get_connection().filter(key=self.list_key, lock__lte=clock.now())

    def dequeue(self) -> list[tuple[int, str]]:
        """Take what waits; it is held from now on.  Where nothing waits, it does so a little."""
        waiting = list(self._waiting()[: Conf.BULK])
        if not waiting:
            time.sleep(Conf.POLL)
        found = [(task.pk, task.payload) for task in waiting if self._take(task)]
        with self._guard:
            self._held |= {number: self._taken[number] for number, _ in found}
        self._taken.clear()
        if found:
            self._renew_beside()
        return found

    def _take(self, task: Any) -> bool:
        """Whether it is ours: another cluster may have been faster."""
        return bool(self.get_connection().filter(pk=task.pk, lock=task.lock).update(lock=self.timeout(task)))

    def _renew_beside(self) -> None:
        """The thread that renews, once in the process that takes jobs; it was forked from the one that made the broker."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            Thread(target=self._renew_for_ever, name="job leases", daemon=True).start()

    def _renew_for_ever(self) -> None:
        pause = Event()
        while True:
            pause.wait(_lease().total_seconds() / _RENEWALS)
            self.renew()

    def renew(self) -> int:
        """Hide longer what is still ours, and return how many jobs that are."""
        with self._guard:
            held = list(self._held.items())
        try:
            for number, lease in held:
                self._renew_one(number, lease)
        except Error as error:
            log.warning("The leases of jobs cannot be renewed now: %s", error)
        finally:
            connections.close_all()
        return len(self._held)

    def _renew_one(self, number: int, lease: Lease) -> None:
        now = clock.now()
        lock = min(now + _lease(), lease.last)
        rows = self.get_connection().filter(pk=number, lock=lease.lock)
        is_ours = bool(rows.update(lock=lock))
        with self._guard:
            if is_ours and lock < lease.last:
                self._held[number] = Lease(lock, lease.last)
            else:  # it has ended, another has it, or it was held for as long as may be
                self._held.pop(number, None)
