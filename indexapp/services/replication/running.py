"""Following without end: one thread takes changes, another brings the bytes, until it is told to stop."""

from __future__ import annotations

import logging
from contextlib import suppress
from threading import Event, Thread

from django.db import DatabaseError, InterfaceError, connections

from indexapp.services.replication import fetching, following
from indexapp.services.replication.following import Round
from tpi_site.kit import locking

log = logging.getLogger(__name__)
WAIT = 20.0
"""Seconds for which the primary is asked to wait with its answer."""
_LOOK_AGAIN = 2.0
_SHORTEST, _LONGEST = 1.0, 10.0
"""Seconds until a primary that failed is asked again; twice as long after each further time."""


def run(ending: Event) -> None:
    """Follow until somebody says stop, as soon as no other process of any node does."""
    with suppress(DatabaseError, InterfaceError), locking.alone(following.LOCK):
        _run(ending)
    connections.close_all()


def _run(ending: Event) -> None:
    come = Event()
    fetcher = Thread(target=_fetch, args=(come, ending), name="replication bytes", daemon=True)
    fetcher.start()
    pause = _SHORTEST
    try:
        while not ending.is_set():
            try:
                came = following.follow_once(WAIT)
            except (DatabaseError, InterfaceError) as error:
                log.warning("The follower waits for the database: %s", error)
                connections.close_all()
                came = Round.FAILED
            if came is Round.TAKEN:
                come.set()
            pause = min(_LONGEST, pause * 2) if came is Round.FAILED else _SHORTEST
            if came in {Round.FAILED, Round.IDLE}:
                ending.wait(pause if came is Round.FAILED else _LOOK_AGAIN)
    finally:
        ending.set()
        come.set()


def _fetch(come: Event, ending: Event) -> None:
    """Bring what is due, when something came and every few seconds besides: what failed is due again at some time."""
    while not ending.is_set():
        come.wait(_LOOK_AGAIN)
        come.clear()
        try:
            fetching.fetch_due(goes_on=lambda: not ending.is_set())
        except Exception:
            log.exception("Bytes could not be fetched from the primary; it is tried again.")
        finally:
            connections.close_all()
