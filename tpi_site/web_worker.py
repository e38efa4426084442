"""gunicorn's threaded worker, which lets go of the port as soon as it begins to drain.

The stock worker keeps its listening socket until the last request has ended.  When its master was killed, the next one
could then not bind for as long as one slow upload lasts, and who connects meanwhile would wait in a queue that nobody serves.
"""

from __future__ import annotations

import socket

from gunicorn.workers.gthread import ThreadWorker


class WebWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn is untyped
    """A threaded worker that takes in who waits at its listeners and closes them, before it drains."""

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001  the base class's signature
        """As the base class; a worker that was told to end, or lost its master, never accepts again."""
        super().set_accept_enabled(enabled)
        if not enabled and not (self.alive and self.is_parent_alive()):
            while self.sockets:
                self._close(self.sockets.pop())

    def _close(self, listener: socket.socket) -> None:
        """Close the listener; connections that the kernel has already made would otherwise be reset."""
        before = -1
        while before < self.nr_conns < self.worker_connections:
            before = self.nr_conns
            self.accept(listener)
        listener.close()
