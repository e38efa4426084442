"""The process beside the job cluster that follows a primary, where this installation is a replica.

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
_STEADY = 30.0
_SHORTEST, _LONGEST = 1.0, 60.0
_PATIENCE = 5.0


class FollowerKeeper:
    """Keeps one child that follows for as long as this installation is a replica; :meth:`look` costs nothing in between."""

    def __init__(self) -> None:
        self._pid = 0
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
        is_replica = _is_replica()
        if is_replica and not self._pid:
            self._start()
        elif is_replica is False and self._pid:
            self.stop()

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
            log.warning("The process that follows the primary ended with %d.", code)
        self._pid = 0
        return True

    def _start(self) -> None:
        self._started_at = time.monotonic()
        self._pid = os.fork()
        if self._pid:
            return
        code = 1
        try:
            _run()
            code = 0
        except Exception:
            log.exception("The process that follows the primary failed.")
        finally:
            sys.stderr.flush()
            os._exit(code)  # nothing of the parent's is this process's to end


def _is_replica() -> bool | None:
    """None where the database cannot be asked."""
    from django.db import DatabaseError, InterfaceError, connections

    from indexapp.services.replication import standing

    try:
        return standing.primary() is not None
    except (DatabaseError, InterfaceError) as error:
        log.warning("Nobody can tell now whether this installation is a replica: %s", error)
        return None
    finally:
        connections.close_all()  # so that no child inherits one


def _run() -> None:
    from indexapp.services.replication import running

    ending = Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    signal.signal(signal.SIGINT, lambda *_: ending.set())
    running.run(ending)
