"""Following without end, by two processes: one takes changes, the other brings the bytes, until they are told to stop.

Both are of one node, side by side on two of its processors.  The pipe between them tells the second one that something came,
and that the first one is gone: then nobody else's bytes are brought while another node follows.
"""

from __future__ import annotations

import logging
import os
import select
from contextlib import suppress
from threading import Event, Thread

from django.db import DatabaseError, InterfaceError, connections

from indexapp.services.replication import fetching, following
from indexapp.services.replication.following import Round
from tpi_site.kit import locking

log = logging.getLogger(__name__)
WAIT = 20.0
"""Seconds for which the primary is asked to wait with its answer."""
_LOOK_AGAIN, _LOOK = 2.0, 0.5
_SHORTEST, _LONGEST = 1.0, 10.0
"""Seconds until a primary that failed is asked again; twice as long after each further time."""
_PATIENCE = 4.0
_PIECE = 4096


def follow(ending: Event, bringer: int) -> None:
    """Take changes until somebody says stop, as soon as no other process of any node does.

    A byte is written to the descriptor ``bringer``, which does not block, when this begins and whenever something came.
    """
    with suppress(DatabaseError, InterfaceError), locking.alone(following.LOCK):
        _follow(ending, bringer)
    connections.close_all()


def _follow(ending: Event, bringer: int) -> None:
    pause = _SHORTEST
    _tell(bringer)
    while not ending.is_set():
        try:
            came = following.follow_once(WAIT, came=lambda: _tell(bringer))
        except (DatabaseError, InterfaceError) as error:
            log.warning("The follower waits for the database: %s", error)
            connections.close_all()
            came = Round.FAILED
        pause = min(_LONGEST, pause * 2) if came is Round.FAILED else _SHORTEST
        if came in {Round.FAILED, Round.IDLE}:
            ending.wait(pause if came is Round.FAILED else _LOOK_AGAIN)


def _tell(bringer: int) -> None:
    with suppress(
        BlockingIOError, BrokenPipeError
    ):  # it has not read what it was told before; or it ended, and so will this
        os.write(bringer, b".")


def bring(ending: Event, follower: int) -> None:
    """Bring the bytes while somebody writes to the descriptor ``follower``, or until somebody says stop."""
    come = Event()
    fetcher = Thread(target=_fetch, args=(come, ending), name="replication bytes", daemon=True)
    while not ending.is_set():
        if not select.select([follower], [], [], _LOOK)[0]:
            continue
        if not os.read(follower, _PIECE):
            break
        come.set()
        if fetcher.ident is None:
            fetcher.start()
    ending.set()
    come.set()
    if fetcher.ident is not None:
        fetcher.join(_PATIENCE)


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
