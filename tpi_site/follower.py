"""The process beside the job cluster that follows a primary, where this installation is a replica, or else watches its own.

It is forked from the cluster's first process, which has no threads and leaves its connections behind; killed, it is started
again, more slowly each time.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from threading import Event

log = logging.getLogger(__name__)
_LOOK_AGAIN = 3.0  # seconds
_STEADY = 10.0
_SHORTEST, _LONGEST = 1.0, 10.0
_PATIENCE = 5.0
_FOLLOWS, _WATCHES = "follows", "watches"


class FollowerKeeper:
    """Keeps one child that follows or watches, as long as there is something for it; :meth:`look` costs nothing in between."""

    def __init__(self) -> None:
        self._pid = 0
        self._part = ""
        self._due = 0.0
        self._started_at = 0.0
        self._pause = _SHORTEST

    def look(self) -> None:
        """Start, reap or stop the child, if it is time."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + _LOOK_AGAIN
        if self._pid and self._has_ended():
            self._pause = _SHORTEST if now - self._started_at > _STEADY else min(self._pause * 2, _LONGEST)
            self._due = now + self._pause
            return
        part = _part()
        if part is not None and part != self._part and self._pid:
            self.stop()
        if part and not self._pid:
            self._start(part)

    def stop(self) -> None:
        """End the child, and wait a little for it."""
        if not self._pid:
            return
        os.kill(self._pid, signal.SIGTERM)
        until = time.monotonic() + _PATIENCE
        while not self._has_ended():
            if time.monotonic() > until:
                os.kill(self._pid, signal.SIGKILL)
                os.waitpid(self._pid, 0)
                self._pid = 0
                return
            time.sleep(0.05)

    def _has_ended(self) -> bool:
        pid, status = os.waitpid(self._pid, os.WNOHANG)
        if not pid:
            return False
        code = os.waitstatus_to_exitcode(status)
        if code:
            log.warning("The process of replication ended with %d.", code)
        self._pid = 0
        return True

    def _start(self, part: str) -> None:
        self._part = part
        self._started_at = time.monotonic()
        self._pid = os.fork()
        if self._pid:
            return
        code = 1
        try:
            _run(part)
            code = 0
        except Exception:
            log.exception("The process of replication failed.")
        finally:
            sys.stderr.flush()
            os._exit(code)  # nothing of the parent's is this process's to end


def _part() -> str | None:
    """Which part there is to play: following, watching, or neither; None where the database cannot be asked."""
    from django.db import DatabaseError, InterfaceError, connections

    from indexapp.services.replication import standing, watching

    try:
        if standing.primary() is not None:
            return _FOLLOWS
        return _WATCHES if watching.is_needed() else ""
    except (DatabaseError, InterfaceError) as error:
        log.warning("Nobody can tell now what this installation's part in replication is: %s", error)
        return None
    finally:
        connections.close_all()  # so that no child inherits one


def _run(part: str) -> None:
    from indexapp.services.replication import running, watching

    ending = Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    signal.signal(signal.SIGINT, lambda *_: ending.set())
    (running if part == _FOLLOWS else watching).run(ending)
