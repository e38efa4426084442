"""How a page is compressed for one client (RFC 9110 section 12.5.3, RFC 8878).

For pages only: an artefact is never sent with a content coding, because pip and uv would store what they decoded.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal, NamedTuple

import zstandard

from indexapp.domain.quality_values import parse_weights

ContentCoding = Literal["identity", "gzip", "zstd"]

_LONGEST_KEPT_HEADER = 256
_GZIP_LEVEL = 6
_GZIP_WINDOW = 31  # zlib's number for: 32 KiB window, gzip framing
_GZIP_HEAD = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # deflate, no flags, no time, unknown system
_GZIP_LAST_BLOCK = b"\x03\0"
_ZSTD_LEVEL = 3


def choose_encoding(accept_encoding: str | None) -> ContentCoding:
    """Return the coding that the client weighs highest; of equals zstd before gzip before none.  Never raises.

    Without the header, or where nothing fits, the page goes out as it is.
    """
    if not accept_encoding:
        return "identity"
    if len(accept_encoding) > _LONGEST_KEPT_HEADER:
        return _choose.__wrapped__(accept_encoding)
    return _choose(accept_encoding)


@lru_cache(maxsize=256)
def _choose(accept_encoding: str) -> ContentCoding:
    weights = parse_weights(accept_encoding)
    anything = weights.get("*", 0.0)
    offers: tuple[tuple[ContentCoding, float], ...] = (
        # A bare '*' stands for gzip, which everything reads; zstd is young and has to be asked for by name.
        ("zstd", weights.get("zstd", 0.0)),
        ("gzip", weights.get("gzip", weights.get("x-gzip", anything))),
        ("identity", weights.get("identity", 0.0)),
    )
    coding, weight = max(offers, key=lambda offer: offer[1])
    return coding if weight > 0 else "identity"


def encode(body: bytes, coding: ContentCoding) -> bytes:
    """Return ``body`` in the coding.  The same body gives the same bytes: no time, no file name, one frame."""
    if coding == "zstd":
        # A compressor of its own for each call: they may not be shared between threads.
        return zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(body)
    if coding == "gzip":
        return zlib.compress(body, _GZIP_LEVEL, _GZIP_WINDOW)
    return body


class GzipPiece(NamedTuple):
    """A part of a body, deflated on its own so that it may be kept and used again; ``size`` is that of the plain bytes."""

    content: bytes
    size: int


def gzip_piece(part: bytes | memoryview) -> GzipPiece:
    """Deflate a part of a body: whole blocks that end at a byte and refer to nothing before them."""
    deflater = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return GzipPiece(deflater.compress(part) + deflater.flush(zlib.Z_FULL_FLUSH), len(part))


def gzip_of(pieces: Iterable[GzipPiece], checksum: int) -> bytes:
    """Return one gzip member (RFC 1952) of the pieces in order; ``checksum`` is the CRC-32 of all plain bytes."""
    parts, size = [_GZIP_HEAD], 0
    for piece in pieces:
        parts.append(piece.content)
        size += piece.size
    return b"".join([*parts, _GZIP_LAST_BLOCK, struct.pack("<LL", checksum, size & 0xFFFFFFFF)])
