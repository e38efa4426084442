"""gunicorn's threaded worker, which lets go of the port as soon as it begins to drain.

The stock worker keeps its listening socket until the last request has ended.  When its master was killed, the next one
could then not bind for as long as one slow upload lasts, and who connects meanwhile would wait in a queue that nobody serves.
"""

from __future__ import annotations

from gunicorn.workers.gthread import ThreadWorker


class WebWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn is untyped
    """A threaded worker that closes its listeners first."""

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001  the base class's signature
        """As the base class; a worker that was told to end, or lost its master, never accepts again."""
        super().set_accept_enabled(enabled)
        if not enabled and not (self.alive and self.is_parent_alive()):
            while self.sockets:
                self.sockets.pop().close()
