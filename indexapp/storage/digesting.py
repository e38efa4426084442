"""The SHA-256 of bytes that go by, on their way to somewhere else or to nowhere; never more than a piece in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

from indexapp.storage.protocol import Readable

_PIECE = 256 * 1024
Also = Callable[[bytes], object]
"""Handed each piece, such as the ``write`` of a file."""


def digest(pieces: Iterable[bytes], *also: Also) -> str:
    """In hex digits; raises what the pieces raise when they are read."""
    found = hashlib.sha256()
    for piece in pieces:
        found.update(piece)
        for hand in also:
            hand(piece)
    return found.hexdigest()


def digest_of_stream(stream: Readable, *also: Also) -> str:
    """The same of all that the stream gives, which is closed then."""
    try:
        return digest(iter(lambda: stream.read(_PIECE), b""), *also)
    finally:
        stream.close()
