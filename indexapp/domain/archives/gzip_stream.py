"""A gzip stream (RFC 1952) read forward, counted while it unpacks, and checked to its last byte."""

from __future__ import annotations

import os
import zlib
from typing import BinaryIO, Final

from indexapp.domain.archives import signatures
from indexapp.domain.archives.limits import PIECE, ArchiveLimits
from tpi_site.kit.errors import Invalid

_GZIP_BITS: Final = 16 + zlib.MAX_WBITS


class GzipStream:
    """The unpacked bytes of one gzip member that fills ``file`` exactly.

    Refuses with ``archive-decompression-ceiling`` as soon as more comes out than the limits allow, with
    ``gzip-corrupt`` for broken or truncated streams, and with ``gzip-trailing`` for anything behind the stream.
    """

    def __init__(self, file: BinaryIO, limits: ArchiveLimits) -> None:
        self._file = file
        self._limits = limits
        self._packed_size = file.seek(0, os.SEEK_END)
        self._inflater = zlib.decompressobj(_GZIP_BITS)
        self._buffer = b""
        self._used = 0
        self.total = 0
        """Bytes unpacked so far."""
        file.seek(0)

    def read(self, size: int) -> bytes:
        """Return ``size`` bytes, or fewer at the end of the stream."""
        pieces = []
        while size:
            piece = self.read_some(size)
            if not piece:
                break
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def read_some(self, size: int) -> bytes:
        """Return between 1 and ``size`` bytes, at most 64 KiB; nothing at the end of a sound stream."""
        if self._used == len(self._buffer):
            self._buffer = self._next_piece()
            self._used = 0
        piece = self._buffer[self._used : self._used + size]
        self._used += len(piece)
        return piece

    def _next_piece(self) -> bytes:
        piece = b""
        while not piece and not self._inflater.eof:
            piece = self._inflate()
        self.total += len(piece)
        self._limits.require_under_ceiling(self.total, self._packed_size)
        if self._inflater.eof:
            self._require_end()
        return piece

    def _inflate(self) -> bytes:
        packed = self._inflater.unconsumed_tail or self._file.read(PIECE)
        try:
            piece = self._inflater.decompress(packed, PIECE)
        except zlib.error:
            raise _corrupt("is damaged (its checksum, length or coding is wrong)") from None
        if not packed and not piece and not self._inflater.eof:
            raise _corrupt("is cut off")
        return piece

    def _require_end(self) -> None:
        rest = self._inflater.unused_data or self._file.read(len(signatures.GZIP))
        if rest.startswith(signatures.GZIP):
            raise _trailing("a second gzip stream")
        if rest:
            raise _trailing("other bytes")


def _corrupt(fault: str) -> Invalid:
    return Invalid(
        f"The gzip stream {fault}; build the archive again and upload it unchanged.",
        code="gzip-corrupt",
    )


def _trailing(what: str) -> Invalid:
    return Invalid(
        f"The gzip stream is followed by {what}; upload what the build tool made, unchanged.",
        code="gzip-trailing",
    )
