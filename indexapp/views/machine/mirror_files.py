"""A mirror's file whose bytes are still to come: the answer begins when the upstream's does, and follows what comes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent import futures
from concurrent.futures import Future

from indexapp.domain import byte_ranges
from indexapp.domain.byte_ranges import Span, UnsatisfiableRange
from indexapp.services.mirrors import uses
from indexapp.services.mirrors.fetching import download as downloads
from indexapp.services.mirrors.fetching import running
from indexapp.services.mirrors.fetching.download import Download
from indexapp.services.serving import files
from indexapp.services.serving.files import ServedFile
from indexapp.views.machine.messages import Later, LocalFile, Question, Reply
from indexapp.views.machine.ranges import unsatisfiable
from tpi_site.kit.errors import Unavailable

_TYPE = "application/octet-stream"
_PATIENCE = 14.0
"""Seconds until the upstream's first byte; clients wait 15 for ours."""
_PATIENCE_FIRST = 6.0
"""Seconds of those for what the policy has to know."""


class Following:
    """The bytes of a download from one place to another, for one reader."""

    def __init__(self, download: Download, start: int, stop: int | None) -> None:
        self._download, self._at, self._stop = download, start, stop
        self._is_open = True

    def piece(self) -> memoryview | None:
        """See the protocol; raises :class:`.download.BrokenOff`."""
        if self._stop is not None and self._at >= self._stop:
            return memoryview(b"")
        piece = self._download.read(self._at, self._stop)
        self._at += len(piece) if piece else 0
        return piece

    def listen(self, wake: Callable[[], None]) -> None:
        """See the protocol."""
        self._download.listen(wake)

    def close(self) -> None:
        """See the protocol."""
        if self._is_open:
            self._is_open = False
            self._download.leave()

    def __iter__(self) -> Iterator[bytes]:
        """See the protocol."""
        self._is_open = False
        return downloads.pieces(self._download, self._at, self._stop)


class Awaited:
    """The answer about a file that is being fetched; the caller has joined the download, and this leaves it."""

    def __init__(
        self, question: Question, download: Download, headers: list[tuple[str, str]], note: Callable[[Reply], None]
    ) -> None:
        self._question, self._download, self._headers, self._note = question, download, headers, note
        self._until = time.monotonic() + _PATIENCE

    def listen(self, wake: Callable[[], None]) -> None:
        """See the protocol."""
        self._download.listen(wake)

    def close(self) -> None:
        """See the protocol."""
        self._download.leave()

    def wait(self) -> Reply:
        """See the protocol."""
        while (reply := self.reply()) is None:
            self._download.wait(1.0, lambda: self._download.is_begun or self._download.is_over)
        return reply

    def reply(self) -> Reply | None:
        """See the protocol."""
        download = self._download
        if download.failure is not None:
            raise download.failure
        if not download.is_begun and not (self._question.is_head and download.total is not None):
            if time.monotonic() > self._until:
                raise download.too_late()
            return None
        try:
            reply = self._begun(download)
        except UnsatisfiableRange as error:
            return unsatisfiable(self._question, error)
        self._note(reply)
        return reply

    def _begun(self, download: Download) -> Reply:
        headers = [*self._headers, ("Content-Type", _TYPE)]
        span = self._span(download.total)
        if span is None:
            if download.total is not None:
                headers.append(("Content-Length", str(download.total)))
            return self._with_body(200, headers, Span(0, download.total) if download.total is not None else None)
        headers += [
            ("Content-Length", str(span.length)),
            ("Content-Range", byte_ranges.content_range(span, download.total or 0)),
        ]
        return self._with_body(206, headers, span)

    def _span(self, total: int | None) -> Span | None:
        """The one part that is asked for; who asks for several may be given the whole."""
        if total is None or not self._question.byte_range or self._question.if_range is not None:
            return None
        spans = byte_ranges.parse_range(self._question.byte_range, total)
        return spans[0] if spans and len(spans) == 1 else None

    def _with_body(self, status: int, headers: list[tuple[str, str]], span: Span | None) -> Reply:
        if self._question.is_head:
            return Reply(status, headers, b"")
        start, stop = (span.start, span.stop) if span else (0, None)
        return Reply(status, headers, Following(self._download, start, stop))


class AwaitedSmall:
    """The answer about something small that is being fetched; its body is bytes, and it costs no query to take it."""

    def __init__(self, answer: Future[Reply]) -> None:
        self._answer = answer
        self._until = time.monotonic() + _PATIENCE

    def listen(self, wake: Callable[[], None]) -> None:
        """See the protocol."""
        self._answer.add_done_callback(lambda _: wake())

    def close(self) -> None:
        """See the protocol."""

    def wait(self) -> Reply:
        """See the protocol."""
        while (reply := self.reply()) is None:
            futures.wait([self._answer], 1.0)
        return reply

    def reply(self) -> Reply | None:
        """See the protocol."""
        if not self._answer.done():
            if time.monotonic() > self._until:
                raise Unavailable("The upstream takes too long; ask again.", retry_after=5, code="upstream-unavailable")
            return None
        return self._answer.result()


class Pieces:
    """A body that is all here, for who polls."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def piece(self) -> bytes:
        """See the protocol."""
        return next(self._pieces, b"")

    def listen(self, wake: Callable[[], None]) -> None:
        """See the protocol; there is nothing to wait for."""

    def close(self) -> None:
        """See the protocol."""
        getattr(self._pieces, "close", lambda: None)()

    def __iter__(self) -> Iterator[bytes]:
        """See the protocol."""
        return self._pieces


def _for_pollers(reply: Reply) -> Reply:
    if isinstance(reply.body, LocalFile):
        reply.body = Pieces(reply.body.pieces())
    elif not isinstance(reply.body, bytes) and not hasattr(reply.body, "piece"):
        reply.body = Pieces(iter(reply.body))
    return reply


class AwaitedFirst:
    """The answer for which something small is fetched first, for some seconds; ``then`` goes on, whatever has come."""

    def __init__(self, first: list[Future[None]], then: Callable[[], Reply | Later]) -> None:
        self._first, self._then = first, then
        self._until = time.monotonic() + _PATIENCE_FIRST
        self._wake: Callable[[], None] = lambda: None
        self._next: Later | None = None

    def listen(self, wake: Callable[[], None]) -> None:
        """See the protocol."""
        self._wake = wake
        for one in self._first:
            one.add_done_callback(lambda _: wake())

    def close(self) -> None:
        """See the protocol."""
        if self._next is not None:
            self._next.close()

    def wait(self) -> Reply:
        """See the protocol."""
        futures.wait(self._first, max(0.0, self._until - time.monotonic()))
        self._until = 0.0
        reply = self.reply()
        return reply if reply is not None or self._next is None else self._next.wait()  # type: ignore[return-value]

    def reply(self) -> Reply | None:
        """See the protocol."""
        if self._next is None:
            if time.monotonic() < self._until and not all(one.done() for one in self._first):
                return None
            found = self._then()
            if isinstance(found, Reply):
                return _for_pollers(found)
            self._next = found
            found.listen(self._wake)
        return self._next.reply()


def fetched(
    question: Question, served: ServedFile, headers: list[tuple[str, str]], note: Callable[[Reply], None]
) -> Awaited | Reply | None:
    """The file as it comes from the upstream; None where it has come meanwhile.  ``note`` is told the reply.

    How large it is the page has told already, in most cases, and nothing is fetched for that.
    """
    if question.is_head and (size := files.told_size(served)):
        return Reply(200, [*headers, ("Content-Type", _TYPE), ("Content-Length", str(size))])
    download = running.follow(served.row)
    return None if download is None else Awaited(question, download, headers, note)


def used(served: ServedFile) -> None:
    """Somebody wanted the file: others go before it when room is needed."""
    uses.note(served.row)
