"""A read and its answer, free of any framework."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

_PIECE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Question:
    """A GET or HEAD of a machine address; header values are empty when absent, ``path`` is decoded."""

    path: str
    query: str = ""
    is_head: bool = False
    authorization: str = ""
    accept: str | None = None
    accept_encoding: str = ""
    if_none_match: str | None = None
    byte_range: str = ""
    if_range: str | None = None
    origin: str = ""
    """Scheme and host that the request came to, for absolute addresses where none is configured."""
    site: str = ""
    """Which installation asks, where it is one that follows this."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A stretch of a file on this machine's disk, which the server may hand to sendfile."""

    path: Path
    start: int
    length: int

    def pieces(self) -> Iterator[bytes]:
        """The bytes, for servers that have no sendfile."""
        with self.path.open("rb") as file:
            file.seek(self.start)
            left = self.length
            while left and (piece := file.read(min(left, _PIECE))):
                left -= len(piece)
                yield piece


@dataclass(slots=True)
class Reply:
    """Status, headers and body; the body is bytes, a stretch of a file, pieces, or a feed of them."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes | LocalFile | Iterator[bytes] | Feed = b""
    reason: str = field(default="")


class Feed(Protocol):
    """A body whose bytes come from elsewhere: read without waiting by a poller, or waited for as an iterator.

    Close it, also where not all of it was read.
    """

    def piece(self) -> bytes | memoryview | None:
        """The next bytes; None while there are none yet, nothing at the end; raises where they will not come."""

    def listen(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called when there may be more; it must not wait."""

    def close(self) -> None:
        """Nobody reads any more."""

    def __iter__(self) -> Iterator[bytes]:
        """All the bytes, waited for."""


class Later(Protocol):
    """A reply that is not known yet.  Who takes it closes it, unless it has turned into a reply whose body is a feed."""

    def reply(self) -> Reply | None:
        """The reply, as soon as there is one; never waits. Raises refusals."""

    def listen(self, wake: Callable[[], None]) -> None:
        """As of a feed."""

    def wait(self) -> Reply:
        """The reply, waited for."""

    def close(self) -> None:
        """Nobody waits any more."""
