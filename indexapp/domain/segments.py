"""Bytes sealed in segments, so that any part can be opened without the rest.

The layout is that of Tink's AES-GCM-HKDF streaming: a header of ``length (1) | salt (32) | nonce prefix (7)``, then segments
of :data:`SEGMENT` bytes (the first is shorter by the header), each closed by a tag of 16 bytes.  The key of a stream is
HKDF-SHA256 (RFC 5869) of its data key with the salt; the nonce of a segment is ``prefix | number (4, big-endian) | 1 for
the last one``.  So no segment opens at another place, in another stream, or as the end of a stream that was cut off.
"""

from __future__ import annotations

import hmac
import secrets
import struct
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SEGMENT = 64 * 1024
"""Bytes of a sealed segment.  Small enough that a range costs little more than its own bytes and that a segment, sealed and
plain, stays in a processor's cache; large enough that a whole file costs no more than the cipher."""
TAG = 16
_KEY, _SALT, _PREFIX = 32, 32, 7
HEADER = 1 + _SALT + _PREFIX
FIRST = SEGMENT - HEADER - TAG
"""Plain bytes of the first segment."""
REST = SEGMENT - TAG
"""Plain bytes of every later one."""
MOST_SEGMENTS = 2**32
ALGORITHM = (
    f"AES-256-GCM in segments of {SEGMENT // 1024} KiB, each proving its place, "
    "under HKDF-SHA256 of a data key for each blob"
)
"""For who audits the installation."""


class SegmentBroken(Exception):
    """A segment is not what was sealed at this place of this stream: changed, moved, cut off or of another stream."""


@dataclass(frozen=True, slots=True)
class StreamKey:
    """What opens one stream: the data key and the header's random parts."""

    data_key: bytes
    salt: bytes
    prefix: bytes

    def __repr__(self) -> str:
        """Keep the key out of tracebacks and logs."""
        return "StreamKey()"

    @classmethod
    def make(cls) -> StreamKey:
        """A key for one new stream."""
        return cls.from_bytes(secrets.token_bytes(_KEY + _SALT + _PREFIX))

    @classmethod
    def from_bytes(cls, raw: bytes) -> StreamKey:
        """As :meth:`to_bytes` wrote it; raises ValueError."""
        if len(raw) != _KEY + _SALT + _PREFIX:
            raise ValueError(len(raw))
        return cls(raw[:_KEY], raw[_KEY : _KEY + _SALT], raw[_KEY + _SALT :])

    def to_bytes(self) -> bytes:
        """The secret and the random parts, 71 bytes."""
        return self.data_key + self.salt + self.prefix

    @property
    def header(self) -> bytes:
        """What the stream begins with."""
        return bytes([HEADER]) + self.salt + self.prefix

    def authenticate(self, text: bytes) -> bytes:
        """A code over ``text`` that only a holder of the data key can make (HMAC-SHA256, 32 bytes)."""
        return hmac.digest(self.data_key, b"tpi header" + text, sha256)


class StreamCipher:
    """Seals and opens the segments of one stream."""

    def __init__(self, key: StreamKey) -> None:
        derived = HKDF(SHA256(), _KEY, salt=key.salt, info=b"").derive(key.data_key)
        self._aead = AESGCM(derived)
        self._prefix = key.prefix

    def _nonce(self, number: int, is_last: bool) -> bytes:  # noqa: FBT001  private, by position
        return self._prefix + struct.pack(">IB", number, is_last)

    def seal(self, plain: bytes | bytearray | memoryview, number: int, *, is_last: bool) -> bytes:
        """Segment ``number`` (from 0) with its tag."""
        return self._aead.encrypt(self._nonce(number, is_last), plain, None)

    def open(self, sealed: bytes | memoryview, number: int, *, is_last: bool) -> bytes:
        """The plain bytes; raises SegmentBroken before any of them is given away."""
        try:
            return self._aead.decrypt(self._nonce(number, is_last), sealed, None)
        except InvalidTag:
            raise SegmentBroken(f"segment {number}") from None


def segments_of(plain_size: int) -> int:
    """How many segments ``plain_size`` bytes take; nothing takes one."""
    return 1 if plain_size <= FIRST else 1 + (plain_size - FIRST + REST - 1) // REST


def sealed_size(plain_size: int) -> int:
    """Bytes of the whole stream, header and tags included."""
    return HEADER + plain_size + TAG * segments_of(plain_size)


@dataclass(frozen=True, slots=True)
class Place:
    """A segment's place: its number, where it begins in the stream and in the plain bytes, and its plain length."""

    number: int
    offset: int
    plain_start: int
    plain_length: int
    is_last: bool

    @property
    def sealed_length(self) -> int:
        """Bytes in the stream, tag included."""
        return self.plain_length + TAG


def segment_at(position: int) -> int:
    """The number of the segment that holds the plain byte at ``position``."""
    return 0 if position < FIRST else 1 + (position - FIRST) // REST


def place_of(number: int, plain_size: int) -> Place:
    """Where segment ``number`` of a stream over ``plain_size`` bytes lies."""
    count = segments_of(plain_size)
    start = 0 if number == 0 else FIRST + (number - 1) * REST
    offset = HEADER if number == 0 else number * SEGMENT
    length = min(plain_size - start, FIRST if number == 0 else REST)
    return Place(number, offset, start, length, number == count - 1)


def numbers(plain_size: int, start: int, length: int) -> range:
    """The segments that hold ``length`` plain bytes from ``start``; at least one, also for no bytes."""
    last = segment_at(max(start, start + length - 1))
    return range(segment_at(start), min(last, segments_of(plain_size) - 1) + 1)


def sealed_span(plain_size: int, wanted: range) -> tuple[int, int]:
    """Where the segments ``wanted`` begin in the stream, and how many bytes they are together."""
    if not wanted:
        return 0, 0
    first, last = place_of(wanted[0], plain_size), place_of(wanted[-1], plain_size)
    return first.offset, last.offset + last.sealed_length - first.offset
