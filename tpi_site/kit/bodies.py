"""Request bodies that are refused, unread or slow.

A client that is still sending when we answer and close sees a broken connection instead of our sentence.  So after a
refusal the rest is read and thrown away, within bounds; and a sender that falls silent is not waited for.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import Any, Protocol

from django.conf import settings

from tpi_site.kit.errors import Invalid

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


class Body:
    """A request's body, of the length that it announced."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self._read: Callable[[int], bytes] = environ["wsgi.input"].read
        self._socket: Socket | None = environ.get("gunicorn.socket")
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
            piece = self._patiently(wanted, settings.TPI_BODY_TIMEOUT)
        except OSError:
            raise Invalid("The upload stopped before its end; send it again.", code="body-cut-off") from None
        self.left -= len(piece)
        if not piece:
            self.left = 0
            raise Invalid("The upload ended before its announced length; send it again.", code="body-cut-off")
        return piece

    def _patiently(self, size: int, timeout: float) -> bytes:
        if self._socket is None:
            return self._read(size)
        before = self._socket.gettimeout()
        self._socket.settimeout(timeout)
        try:
            return self._read(size)
        finally:
            self._socket.settimeout(before)

    def drain(self) -> None:
        """Throw the rest away, as far as it comes quickly; call it after the answer was sent."""
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
