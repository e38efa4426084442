"""Connections whose answers come later, or byte by byte from elsewhere: one thread looks after all of them.

A thread for requests hands such a connection over and takes the next one, so that a hundred clients of one slow upstream hold
none.  Who sends the bytes says when there is something new; the thread writes what the sockets take and waits for nothing else.
"""

from __future__ import annotations

import logging
import os
import selectors
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock, Thread
from typing import Any, Protocol

log = logging.getLogger(__name__)
_TURN = 1024 * 1024
"""Bytes that one connection is given before the others have their turn."""
_LOOK_AGAIN = 0.5
"""Seconds; also for answers that are late, which nobody wakes anybody for."""
_END_OF_CHUNKS = b"0\r\n\r\n"


class Body(Protocol):
    """A body that comes piece by piece; see :mod:`indexapp.views.machine.messages`."""

    def piece(self) -> bytes | memoryview | None:
        """The next bytes; None while there are none yet, nothing at the end; raises where they will not come."""

    def listen(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called when there may be more."""

    def close(self) -> None:
        """Nobody reads any more."""


class Waiting(Protocol):
    """An answer that is not known yet."""

    def poll(self) -> tuple[str, list[tuple[str, str]], bytes | Body] | None:
        """Status line, headers and body as soon as they are known."""

    def listen(self, wake: Callable[[], None]) -> None:
        """As of a body."""

    def close(self) -> None:
        """Nobody waits any more."""


class HandedOver(BaseException):
    """Ends a request in its thread without an answer, which comes from elsewhere; no ``except Exception`` may take it."""

    def __init__(self, waiting: Waiting, response: Any) -> None:
        super().__init__()
        self.waiting, self.response = waiting, response


@dataclass
class Following:
    """One connection with what is to be sent next."""

    conn: Any
    waiting: Waiting
    response: Any
    body: Body | None = None
    view: memoryview = field(default_factory=lambda: memoryview(b""))
    is_begun: bool = False
    is_last: bool = False
    watched: int = 0
    """For what the selector looks at its socket."""

    @property
    def sock(self) -> socket.socket:
        """The client's."""
        return self.conn.sock  # type: ignore[no-any-return]


class Follower:
    """The thread; ``done`` is told, in it, of each connection that is over, and whether it may be used again."""

    def __init__(self, done: Callable[[Any, bool], None]) -> None:
        self._done = done
        self._selector = selectors.DefaultSelector()
        self._event = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._selector.register(self._event, selectors.EVENT_READ)
        self._coming: deque[Following] = deque()
        self._all: list[Following] = []
        self._lock = Lock()
        self._thread: Thread | None = None

    def take(self, conn: Any, handed: HandedOver) -> None:
        """Look after the connection from now on; called from any thread."""
        following = Following(conn, handed.waiting, handed.response)
        conn.sock.setblocking(False)
        with self._lock:
            self._coming.append(following)
            if self._thread is None:
                self._thread = Thread(target=self._run, daemon=True, name="follower")
                self._thread.start()
        handed.waiting.listen(self.wake)
        self.wake()

    def wake(self) -> None:
        """Somebody has something new; costs next to nothing and never waits."""
        with suppress(BlockingIOError, OSError):
            os.eventfd_write(self._event, 1)

    def _run(self) -> None:
        while True:
            ready = self._selector.select(_LOOK_AGAIN)
            is_woken = not ready
            for key, events in ready:
                if key.data is None:
                    with suppress(BlockingIOError):
                        os.eventfd_read(self._event)
                    is_woken = True
                elif events & selectors.EVENT_WRITE:
                    self._advance(key.data)
                else:
                    self._hear(key.data)
            if is_woken:
                self._look_at_all()

    def _look_at_all(self) -> None:
        while self._coming:
            self._all.append(self._coming.popleft())
        for following in list(self._all):
            if not following.watched & selectors.EVENT_WRITE:
                self._advance(following)

    def _advance(self, following: Following) -> None:
        try:
            self._send(following)
        except (BrokenPipeError, ConnectionError, TimeoutError):
            self._end(following, may_stay=False)
        except Exception as error:  # noqa: BLE001  the bytes will not come: cut short, so that the client sees it
            log.warning("An answer was cut short: %s", error)
            self._end(following, may_stay=False)

    def _send(self, following: Following) -> None:
        left = _TURN
        while left > 0:
            if not following.view and not self._fill(following):
                return
            try:
                sent = following.sock.send(following.view)
            except BlockingIOError:
                self._watch(following, selectors.EVENT_WRITE)
                return
            following.view = following.view[sent:]
            left -= sent
        self._watch(following, selectors.EVENT_WRITE)

    def _fill(self, following: Following) -> bool:
        """Whether there is something to send now; where all was sent, the connection is over."""
        if following.is_last:
            self._end(following, may_stay=not following.response.should_close())
            return False
        piece = self._head(following) if not following.is_begun else self._piece(following)
        if piece is None:
            self._watch(following, selectors.EVENT_READ)
            return False
        following.view = memoryview(piece)
        return bool(following.view) or self._fill(following)

    def _head(self, following: Following) -> bytes | None:
        answer = following.waiting.poll()
        if answer is None:
            return None
        status, headers, body = answer
        response = following.response
        response.start_response(status, headers)
        lines = [*response.default_headers(), *(f"{name}: {value}\r\n" for name, value in response.headers), "\r\n"]
        following.is_begun = response.headers_sent = True
        head = "".join(lines).encode("latin-1")
        if isinstance(body, bytes):
            following.is_last = True
            return head + body
        following.body = body
        return head

    def _piece(self, following: Following) -> bytes | memoryview | None:
        assert following.body is not None  # noqa: S101  there is one unless the head was the last
        piece = following.body.piece()
        if piece is None:
            return None
        is_chunked = following.response.chunked
        if not piece:
            following.is_last = True
            return _END_OF_CHUNKS if is_chunked else b""
        return b"".join([b"%X\r\n" % len(piece), piece, b"\r\n"]) if is_chunked else piece

    def _watch(self, following: Following, events: int) -> None:
        if following.watched == events:
            return
        if following.watched:
            self._selector.modify(following.sock, events, following)
        else:
            self._selector.register(following.sock, events, following)
        following.watched = events

    def _hear(self, following: Following) -> None:
        """The client has gone, or asks for something more before it has its answer, which waits."""
        try:
            came = following.sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return
        except OSError:
            came = b""
        if came:
            self._selector.unregister(following.sock)
            following.watched = 0
        else:
            self._end(following, may_stay=False)

    def _end(self, following: Following, *, may_stay: bool) -> None:
        if following.watched:
            with suppress(KeyError, ValueError, OSError):
                self._selector.unregister(following.sock)
            following.watched = 0
        if following in self._all:
            self._all.remove(following)
        (following.body or following.waiting).close()
        self._done(following.conn, may_stay)
