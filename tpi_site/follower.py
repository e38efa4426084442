"""The processes beside the job cluster that follow a primary, where this installation is a replica, or else watch its own.

They are forked from the cluster's first process, which has no threads and leaves its connections behind; killed, they are
started again, more slowly each time.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from threading import Event, Thread

log = logging.getLogger(__name__)
_LOOK_AGAIN = 3.0  # seconds
_STEADY = 10.0
_SHORTEST, _LONGEST = 1.0, 10.0
_PATIENCE = 5.0
_GRACE = 1.0
_FOLLOWS, _BRINGS, _WATCHES = "follows", "brings", "watches"
_DEEDS = {_FOLLOWS: (_FOLLOWS, _BRINGS), _WATCHES: (_WATCHES,)}


class FollowerKeeper:
    """Keeps the children of one part, as long as there is something for it; :meth:`look` costs nothing in between.

    Where one of them ends, so do the others, and all are started again.
    """

    def __init__(self) -> None:
        self._pids: list[int] = []
        self._part = ""
        self._due = 0.0
        self._started_at = 0.0
        self._pause = _SHORTEST

    def look(self) -> None:
        """Start, reap or stop the children, if it is time."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + _LOOK_AGAIN
        if self._pids and not all(map(self._lives, tuple(self._pids))):
            self.stop()
            self._pause = _SHORTEST if now - self._started_at > _STEADY else min(self._pause * 2, _LONGEST)
            self._due = now + self._pause
            return
        part = _part()
        if part is not None and part != self._part and self._pids:
            self.stop()
        if part and not self._pids:
            self._start(part)

    def stop(self) -> None:
        """End the children, and wait a little for them."""
        for pid in self._pids:
            os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + _PATIENCE
        while any([self._lives(pid) for pid in tuple(self._pids)]):  # noqa: C419  each is to be reaped
            if time.monotonic() > until:
                for pid in self._pids:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
                self._pids.clear()
                return
            time.sleep(0.05)

    def _lives(self, child: int) -> bool:
        pid, status = os.waitpid(child, os.WNOHANG)
        if not pid:
            return True
        self._pids.remove(child)
        code = os.waitstatus_to_exitcode(status)
        if code:
            log.warning("The process of replication ended with %d.", code)
        return False

    def _start(self, part: str) -> None:
        self._part = part
        self._started_at = time.monotonic()
        reading, writing = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(writing, False)
        try:
            for what in _DEEDS[part]:
                self._fork(what, reading, writing)
        finally:
            os.close(reading)
            os.close(writing)

    def _fork(self, what: str, reading: int, writing: int) -> None:
        pid = os.fork()
        if pid:
            self._pids.append(pid)
            return
        code = 1
        try:
            os.close(reading if what == _FOLLOWS else writing)
            _run(what, reading, writing)
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


def _run(what: str, reading: int, writing: int) -> None:
    """Play the part until a signal comes, or until it ends by itself.

    It is a thread's, because a question to the primary may wait for longer than anybody who says stop: nothing is lost by
    not hearing its answer.
    """
    from indexapp.services.replication import running, watching

    ending, failed = Event(), []
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    signal.signal(signal.SIGINT, lambda *_: ending.set())

    def play() -> None:
        try:
            if what == _WATCHES:
                watching.run(ending)
            elif what == _BRINGS:
                running.bring(ending, reading)
            else:
                running.follow(ending, writing)
        except Exception as error:  # noqa: BLE001  raised below
            failed.append(error)
        finally:
            ending.set()

    part = Thread(target=play, name=what, daemon=True)
    part.start()
    ending.wait()
    part.join(_GRACE)
    if failed:
        raise failed[0]
