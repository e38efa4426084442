"""Many small contents in one answer: frames of a digest, what follows, and the bytes, closed by an end.

A frame is whole or it is none: what a connection took with it lacks its end, and only the contents that came whole are taken.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

MOST_CONTENTS = 256
"""Contents that are asked for at once."""
MOST_BYTES = 8 * 1024 * 1024
"""Bytes of an answer, after which no further content is begun."""
LARGEST = 1024 * 1024
"""What is larger comes by itself, because it can be gone on with at any byte."""
_HEAD = struct.Struct(">32sBQ")
_BYTES, _ABSENT, _END = 0, 1, 2
END = _HEAD.pack(bytes(32), _END, 0)


class BadFrames(ValueError):
    """What came is no answer of frames; the sentence says what is wrong."""


class Frame(NamedTuple):
    """A content; without one the primary has it not, or not whole."""

    sha256: str
    content: bytes | None


def head_of(sha256: str, size: int | None) -> bytes:
    """What stands before a content of ``size`` bytes, or in its place where there is none."""
    return _HEAD.pack(bytes.fromhex(sha256), _ABSENT if size is None else _BYTES, size or 0)


def read(pieces: Iterable[bytes]) -> Iterator[Frame]:
    """The contents as they come; raises BadFrames."""
    rest = bytearray()
    source = iter(pieces)
    while True:
        digest, kind, size = _HEAD.unpack(_taken(rest, source, _HEAD.size))
        if kind == _END:
            break
        if kind not in {_BYTES, _ABSENT} or size > LARGEST:
            raise BadFrames("a frame is none")
        yield Frame(digest.hex(), _taken(rest, source, size) if kind == _BYTES else None)
    if rest or next(source, b""):
        raise BadFrames("something follows the end")


def _taken(rest: bytearray, source: Iterator[bytes], size: int) -> bytes:
    while len(rest) < size:
        piece = next(source, None)
        if piece is None:
            raise BadFrames("the answer broke off before its end")
        rest += piece
    taken = bytes(rest[:size])
    del rest[:size]
    return taken
