"""A read and its answer, free of any framework."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

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
    """Status, headers and body; the body is bytes, a stretch of a file, or pieces."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes | LocalFile | Iterator[bytes] = b""
    reason: str = field(default="")
