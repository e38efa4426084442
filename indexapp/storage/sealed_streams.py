"""Sealed objects, in the form of :mod:`indexapp.storage.sealed_files`, that are written and read from end to end.

Who knows the size beforehand writes the head first, and the object's own digest is known when its last byte is: nothing has to
be read again, whatever disk it goes to.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from indexapp.domain import segments
from indexapp.domain.segments import SegmentBroken, StreamCipher, StreamKey
from indexapp.storage import sealed_files
from indexapp.storage.sealed_files import BEFORE
from tpi_site.kit.key_ring import KeyRing


def sealed(pieces: Iterable[bytes], size: int, object_name: str, ring: KeyRing) -> Iterator[bytes]:
    """The object of a content of ``size`` bytes that comes in pieces; raises SegmentBroken where there are more or fewer."""
    key = StreamKey.make()
    wrapped = ring.wrap(key.to_bytes(), sealed_files.purpose(object_name))
    yield sealed_files.head_of(key, wrapped) + key.header
    cipher, number, tail = StreamCipher(key), 0, bytearray()
    place = segments.place_of(0, size)
    for piece in pieces:
        tail += piece
        while len(tail) >= place.plain_length and not place.is_last:
            yield cipher.seal(tail[: place.plain_length], number, is_last=False)
            del tail[: place.plain_length]
            number += 1
            place = segments.place_of(number, size)
    if not place.is_last or len(tail) != place.plain_length:
        raise SegmentBroken(f"there are not {size} bytes")
    yield cipher.seal(tail, number, is_last=True)


def opened(descriptor: int, size: int, object_name: str, ring: KeyRing) -> Iterator[bytes]:
    """The content of ``size`` bytes of the object in an open file, each piece proved; raises SegmentBroken, OSError."""
    if os.fstat(descriptor).st_size != sealed_files.stored_size(size):
        raise SegmentBroken("the size")
    before = _read(descriptor, BEFORE)
    key = sealed_files.opened(ring, object_name, sealed_files.wrapped_key_in(before))
    sealed_files.require_head(key, before)
    cipher = StreamCipher(key)
    for number in range(segments.segments_of(size)):
        place = segments.place_of(number, size)
        yield cipher.open(_read(descriptor, place.sealed_length), number, is_last=place.is_last)


def _read(descriptor: int, length: int) -> bytes:
    found = b""
    while len(found) < length and (piece := os.read(descriptor, length - len(found))):
        found += piece
    return found
