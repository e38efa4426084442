"""Request bodies that are refused, unread or slow.

A client that is still sending when we answer and close sees a broken connection instead of our sentence.  So after a
refusal the rest is read and thrown away, within bounds; and a sender that falls silent, or sends just enough not to be
silent, is not waited for.  Bodies never occupy all threads: some are left for those who read.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Any, Protocol

from django.conf import settings

from tpi_site.kit.errors import Invalid, Unavailable

_LEAST_BYTES = 64 * 1024
"""What must come, of a body that has so much left, in the seconds for which a sender may be silent."""
_TURN_SECONDS = 2.0  # to wait for one
_DRAIN_SILENCE = 2.0  # seconds without a byte
_DRAIN_TIME = 60.0  # seconds in all
_DRAIN_BYTES = 2 * 2**30
_PIECE = 1024 * 1024
_MAX_DIGITS = 20


class Socket(Protocol):
    """The part of a socket that is used here."""

    def settimeout(self, value: float | None, /) -> None:
        """See :meth:`socket.socket.settimeout`."""

    def gettimeout(self) -> float | None:
        """See :meth:`socket.socket.gettimeout`."""

    def fileno(self) -> int:
        """See :meth:`socket.socket.fileno`."""

    def recv(self, size: int, /) -> bytes:
        """See :meth:`socket.socket.recv`."""


class PacedSocket:
    """Stands before a socket while a body is read from it, and gives up a sender that is too slow.

    The socket's own time limit bounds silence alone: with a byte a second a sender would keep a thread for as long as it
    likes.
    """

    def __init__(self, sender: Socket) -> None:
        self._sender = sender
        self._seconds = 0.0
        self._until = 0.0
        self._came = 0

    def expect(self, seconds: float) -> None:
        """From now on the least that must come has to come within ``seconds``, again and again."""
        if seconds != self._seconds:
            self._seconds = seconds
            self._begin()

    def _begin(self) -> None:
        self._came, self._until = 0, time.monotonic() + self._seconds

    def recv(self, size: int, /) -> bytes:
        """What has come; raises TimeoutError when that is too little."""
        self._sender.settimeout(max(0.001, self._until - time.monotonic()))
        piece = self._sender.recv(size)
        self._came += len(piece)
        if self._came >= _LEAST_BYTES:
            self._begin()
        return piece


_MOST = max(1, settings.TPI_THREADS - max(1, settings.TPI_THREADS // 4))
_turns = BoundedSemaphore(_MOST)
_long_turns = BoundedSemaphore(max(1, _MOST // 2))


@contextmanager
def turn() -> Iterator[None]:
    """Read a body in its turn, because its sender may take time and there are not many threads."""
    if not _turns.acquire(timeout=_TURN_SECONDS):
        raise Unavailable(
            "Too many uploads and forms are coming in at once; try again in a minute.", code="uploads-busy"
        )
    try:
        yield
    finally:
        _turns.release()


@contextmanager
def long_turn() -> Iterator[None]:
    """A turn for who waits for another machine meanwhile; half of the turns are never such, so that forms still come in.

    It is a turn all the same, because it occupies a thread.
    """
    if not _long_turns.acquire(timeout=_TURN_SECONDS):
        raise Unavailable(
            "Too many uploads wait for another machine; send it again in a minute, that is safe.", code="uploads-busy"
        )
    try:
        with turn():
            yield
    finally:
        _long_turns.release()


class Body:
    """A request's body, of the length that it announced.

    ``received`` has it where the server received it before; ``patience``, in seconds, is ``TPI_BODY_TIMEOUT`` unless it is
    given.
    """

    def __init__(self, environ: dict[str, Any], received: Any = None, patience: float | None = None) -> None:
        self._patience = patience
        self._source = environ.get("wsgi.input", received)
        self._read: Callable[[int], bytes] = self._source.read
        self._socket: Socket | None = environ.get("gunicorn.socket")
        self._pace: PacedSocket | None = None
        self._announced = environ.get("CONTENT_LENGTH") or ""
        self.left = int(self._announced) if _is_number(self._announced) else 0

    @property
    def length(self) -> int:
        """The announced length in bytes; refuses a body without one."""
        if not _is_number(self._announced):
            raise Invalid(
                "An upload must announce its length in Content-Length; chunked bodies are not taken here.",
                code="length-missing",
            )
        return int(self._announced)

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; empty at the end; refuses a sender that falls silent or goes away."""
        wanted = min(size, self.left)
        if wanted <= 0:
            return b""
        try:
            piece = self._patiently(wanted, self._patience or settings.TPI_BODY_TIMEOUT)
        except OSError:
            raise Invalid("The request stopped before its end; send it again.", code="body-cut-off") from None
        self.left -= len(piece)
        if not piece:
            self.left = 0
            raise Invalid("The request ended before its announced length; send it again.", code="body-cut-off")
        return piece

    def _patiently(self, size: int, timeout: float) -> bytes:
        if self._socket is None:
            return self._read(size)
        before = self._socket.gettimeout()
        self._socket.settimeout(timeout)
        try:
            with self._paced(timeout):
                return self._read(size)
        finally:
            self._socket.settimeout(before)

    @contextmanager
    def _paced(self, seconds: float) -> Iterator[None]:
        """Let gunicorn's reader receive through a :class:`PacedSocket`, for as long as it reads this body."""
        unreader = getattr(getattr(self._source, "reader", None), "unreader", None)
        if unreader is None or self._socket is None:
            yield
            return
        if self._pace is None:
            self._pace = PacedSocket(self._socket)
        self._pace.expect(seconds)
        direct, unreader.sock = unreader.sock, self._pace
        try:
            yield
        finally:
            unreader.sock = direct

    def drain(self) -> None:
        """Throw the rest away, as far as it comes quickly and a thread can be spared; call it after the answer was sent."""
        if self.left <= 0 or not _turns.acquire(blocking=False):
            return
        try:
            self._throw_away()
        finally:
            _turns.release()

    def _throw_away(self) -> None:
        until = time.monotonic() + _DRAIN_TIME
        budget = min(self.left, _DRAIN_BYTES)
        while budget > 0 and time.monotonic() < until:
            try:
                piece = self._drained(min(budget, _PIECE))
            except OSError:
                return
            if not piece:
                return
            budget -= len(piece)
            self.left -= len(piece)

    def _drained(self, size: int) -> bytes:
        if self._socket is not None and not _speaks(self._socket):
            return b""
        return self._patiently(size, _DRAIN_SILENCE)


def _speaks(sender: Socket) -> bool:
    """Whether something comes before the silence is too long; select() would fail above 1024 open files."""
    poll = select.poll()
    poll.register(sender.fileno(), select.POLLIN)
    return bool(poll.poll(_DRAIN_SILENCE * 1000))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
