"""A file read in pieces, as few and as small as may be, from wherever it is."""

from __future__ import annotations

import io
from typing import Any, Protocol

_BLOCK = 64 * 1024
_MOST = 24 * 1024 * 1024
"""Bytes that are read of one file at most; what takes more to find is not to be found."""


class Fetch(Protocol):
    """Gives ``length`` bytes from ``start``."""

    def __call__(self, start: int, length: int) -> bytes:
        """Raises whatever goes wrong."""


class TooMuch(Exception):
    """More was asked for than a file of metadata is worth."""


class RangedFile(io.RawIOBase):
    """Seekable and read-only; what was read once is kept in blocks.  ``tail`` are bytes at the end that are known already."""

    def __init__(self, fetch: Fetch, size: int, tail: bytes = b"") -> None:
        super().__init__()
        self._fetch, self.length, self._at = fetch, size, 0
        self._blocks: dict[int, bytes] = {}
        self._left = _MOST
        first_whole = -(-(size - len(tail)) // _BLOCK)
        for number in range(first_whole, -(-size // _BLOCK)):
            begin = number * _BLOCK - (size - len(tail))
            self._blocks[number] = tail[begin : begin + _BLOCK]

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """As of any file."""
        at = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.length}[whence] + offset
        if at < 0:
            raise OSError("before the beginning")
        self._at = at
        return at

    def readinto(self, into: Any, /) -> int:
        """Up to a block's bytes."""
        if self._at >= self.length or not len(into):
            return 0
        number, within = divmod(self._at, _BLOCK)
        piece = self._block(number, -(-(within + len(into)) // _BLOCK))[within : within + len(into)]
        into[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def _block(self, number: int, ahead: int) -> bytes:
        """The block; with those behind it in one question, as many as are wanted and not there."""
        if number not in self._blocks:
            count = 1
            while count < ahead and number + count not in self._blocks:
                count += 1
            start = number * _BLOCK
            length = min(count * _BLOCK, self.length - start)
            self._left -= length
            if self._left < 0:
                raise TooMuch
            came = self._fetch(start, length)
            if len(came) != length:
                raise OSError("it ends early")
            for place in range(count):
                self._blocks[number + place] = came[place * _BLOCK : (place + 1) * _BLOCK]
        return self._blocks[number]
