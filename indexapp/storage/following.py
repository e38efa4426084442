"""A spool that many read while one writes it.

What came last is kept in memory, where readers that keep up find it; what lies further back is read from the disk by a
descriptor of its own, opened segment by segment where it is sealed.  A reader never waits for the writer's place in the file.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from threading import Lock

from indexapp.domain import segments
from indexapp.domain.segments import StreamCipher
from indexapp.storage.protocol import Spool
from indexapp.storage.sealed_files import HEAD, SealedSpool

_FOR_FEW, _FOR_MANY = 1024 * 1024, 4 * 1024 * 1024
"""Bytes in memory; far more than a segment, so that those on the disk before them are whole and none of them is the last."""
_PIECE = 256 * 1024
_SMALL = 64 * 1024
"""A piece below this grows by the next one: an upstream may send single bytes."""


class FollowedSpool:
    """Bytes that are added at the end and read at any place before it."""

    def __init__(self, spool: Spool) -> None:
        sealed = spool if isinstance(spool, SealedSpool) else None
        self._file = spool.file
        self._descriptor = os.dup((sealed.inner if sealed else spool).file.fileno())
        self._cipher = StreamCipher(sealed.key) if sealed else None
        self._lock = Lock()
        self._starts: list[int] = []
        self._pieces: list[bytes] = []
        self._kept = 0
        self._most = _FOR_FEW
        self.size = 0

    def append(self, piece: bytes) -> None:
        """Add ``piece``; raises OSError where there is no room for it."""
        self._file.write(piece)
        with self._lock:
            if self._pieces and len(self._pieces[-1]) < _SMALL:
                self._pieces[-1] += piece
            else:
                self._starts.append(self.size)
                self._pieces.append(piece)
            self._kept += len(piece)
            self.size += len(piece)
            while self._kept - len(self._pieces[0]) >= self._most:
                self._kept -= len(self._pieces.pop(0))
                self._starts.pop(0)

    def expect_many(self) -> None:
        """Keep more in memory: opening the same bytes again for each of many readers would make all of them slower."""
        self._most = _FOR_MANY

    def read(self, start: int, stop: int) -> memoryview:
        """Some bytes from ``start``, none from ``stop`` on; nothing where there are none yet."""
        with self._lock:
            stop = min(stop, self.size)
            if start >= stop:
                return memoryview(b"")
            if start >= self._starts[0]:
                at = bisect_right(self._starts, start) - 1
                begin = self._starts[at]
                return memoryview(self._pieces[at])[start - begin : min(stop - begin, start - begin + _PIECE)]
            stop = min(stop, self._starts[0], start + _PIECE)
            size = self.size
        return memoryview(self._from_disk(start, stop, size))

    def _from_disk(self, start: int, stop: int, size: int) -> bytes:
        if self._cipher is None:
            return os.pread(self._descriptor, stop - start, start)
        pieces = []
        for number in segments.numbers(size, start, stop - start):
            place = segments.place_of(number, size)
            sealed = os.pread(self._descriptor, place.sealed_length, HEAD + place.offset)
            plain = self._cipher.open(sealed, number, is_last=False)
            pieces.append(plain[max(0, start - place.plain_start) : stop - place.plain_start])
        return b"".join(pieces)

    def close(self) -> None:
        """Give the disk's room back; nothing can be read any more."""
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1
