"""Objects whose bytes are sealed: a head that holds the wrapped key, then a stream of segments.

The head has 256 bytes: ``TPI1 | length of the wrapped key (2) | wrapped key | zeros | HMAC-SHA256 (32)``, the last made with
the data key over all before it.  It repeats what the database says, so that an object which was put by a process that died
before its transaction, or one that outlived the database, can still be opened.
"""

from __future__ import annotations

import hmac
import io
import struct
from typing import BinaryIO

from indexapp.domain import segments
from indexapp.domain.segments import SegmentBroken, StreamCipher, StreamKey
from indexapp.storage.protocol import Spool
from tpi_site.kit.key_ring import KeyRing, WrapBroken, key_id_of


class KeyLacking(SegmentBroken):
    """The ring has no key of this id: of the object nothing is known."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"its key: the key '{key_id[:40]}' is not in the key ring")
        self.key_id = key_id


HEAD = 256
_MAGIC = b"TPI1"
_CODE = 32
_ROOM = HEAD - len(_MAGIC) - 2 - _CODE
BEFORE = HEAD + segments.HEADER
"""Bytes before the first segment."""


def stored_size(plain_size: int) -> int:
    """Bytes of the object that holds ``plain_size`` bytes."""
    return HEAD + segments.sealed_size(plain_size)


def purpose(object_name: str) -> str:
    """What the key of an object is wrapped for: it opens under no other name."""
    return f"blob:{object_name}"


def head_of(key: StreamKey, wrapped: str) -> bytes:
    """The head of an object."""
    text = wrapped.encode("ascii")
    if len(text) > _ROOM:
        raise ValueError(len(text))
    body = (_MAGIC + struct.pack(">H", len(text)) + text).ljust(HEAD - _CODE, b"\0")
    return body + key.authenticate(body)


def wrapped_key_in(head: bytes) -> str:
    """The wrapped key that a head names; raises SegmentBroken where it is no head."""
    length = int.from_bytes(head[4:6], "big")
    if len(head) < HEAD or head[:4] != _MAGIC or length > _ROOM:
        raise SegmentBroken("the head")
    try:
        return head[6 : 6 + length].decode("ascii")
    except UnicodeDecodeError:
        raise SegmentBroken("the head") from None


def trusted_key_in(ring: KeyRing, head: bytes) -> str:
    """As :func:`wrapped_key_in`, unless others know the key that wrapped it: they can make such heads; raises SegmentBroken."""
    wrapped = wrapped_key_in(head)
    if key_id_of(wrapped) in ring.given_up:
        raise SegmentBroken("its key: the key that wraps it was given up")
    return wrapped


def require_head(key: StreamKey, before: bytes) -> None:
    """Hold what stands before the first segment against the key; raises SegmentBroken."""
    body, code, header = before[: HEAD - _CODE], before[HEAD - _CODE : HEAD], before[HEAD:BEFORE]
    if not hmac.compare_digest(key.authenticate(body), code) or header != key.header:
        raise SegmentBroken("the head")


def opened(ring: KeyRing, object_name: str, wrapped: str) -> StreamKey:
    """The key of an object; raises SegmentBroken when the ring cannot unwrap it for this name, KeyLacking without its key."""
    if (key_id := key_id_of(wrapped)) and key_id not in ring.keys:
        raise KeyLacking(key_id)
    try:
        return StreamKey.from_bytes(ring.unwrap(wrapped, purpose(object_name)))
    except (WrapBroken, ValueError) as error:
        raise SegmentBroken(f"its key: {error}") from None


def sealed(content: bytes, object_name: str, ring: KeyRing) -> tuple[str, list[bytes]]:
    """A content that is in memory as a whole object with a key of its own: the wrapped key, and the object's parts."""
    key = StreamKey.make()
    wrapped = ring.wrap(key.to_bytes(), purpose(object_name))
    cipher, view = StreamCipher(key), memoryview(content)
    parts = [head_of(key, wrapped), key.header]
    for number in range(segments.segments_of(len(content))):
        place = segments.place_of(number, len(content))
        plain = view[place.plain_start : place.plain_start + place.plain_length]
        parts.append(cipher.seal(plain, number, is_last=place.is_last))
    return wrapped, parts


def unsealed(raw: bytes, key: StreamKey, size: int) -> bytes:
    """The content of a whole object that is in memory; raises SegmentBroken."""
    if len(raw) != stored_size(size):
        raise SegmentBroken("its size")
    require_head(key, raw[:BEFORE])
    cipher, view = StreamCipher(key), memoryview(raw)[HEAD:]
    count = segments.segments_of(size)
    if count == 1:
        return cipher.open(view[segments.HEADER :], 0, is_last=True)
    places = [segments.place_of(number, size) for number in range(count)]
    return b"".join(
        cipher.open(view[place.offset : place.offset + place.sealed_length], place.number, is_last=place.is_last)
        for place in places
    )


class SealedSpool:
    """Bytes on their way in, sealed before they reach the disk; :meth:`finish` gives the object its end and its head."""

    def __init__(self, inner: Spool) -> None:
        self.inner = inner
        self.key = StreamKey.make()
        self._wrapped = ""
        self._object_name = ""
        self._sealed = SealedFile(inner.file, self.key)
        self.file: BinaryIO = self._sealed  # type: ignore[assignment]  # RawIOBase does all that is asked of one

    @property
    def size(self) -> int:
        """Plain bytes written so far."""
        return self._sealed.size

    def is_of_another(self, object_name: str) -> bool:
        """Whether it was finished for another name: its head speaks of that one."""
        return self._object_name not in ("", object_name)

    def finish(self, object_name: str, ring: KeyRing) -> str:
        """Write the last segment and the head for ``object_name``; returns the wrapped key.

        Once more, perhaps after a rotation, the key is wrapped with what is current then, and the head stays as it is.
        """
        if self._wrapped:  # put before, and perhaps being read already
            if key_id_of(self._wrapped) != ring.current:
                self._wrapped = ring.wrap(self.key.to_bytes(), purpose(object_name))
            return self._wrapped
        self._sealed.finish()
        wrapped = ring.wrap(self.key.to_bytes(), purpose(object_name))
        self.inner.file.seek(0)
        self.inner.file.write(head_of(self.key, wrapped) + self.key.header)
        self._wrapped, self._object_name = wrapped, object_name
        return wrapped


class SealedFile(io.RawIOBase):
    """A file that is written once, from its beginning to its end, and read at any place; ``inner`` sees sealed bytes only.

    The bytes of the segment that is not full yet are in memory, with those of the one read last.
    """

    def __init__(self, inner: BinaryIO, key: StreamKey) -> None:
        super().__init__()
        self._inner = inner
        self._cipher = StreamCipher(key)
        self._tail = bytearray()
        self._number = 0
        self.size = 0
        self._position = 0
        self._end_of_inner = 0
        self._is_finished = False
        self._seen: tuple[int, bytes] = (-1, b"")
        inner.seek(BEFORE)

    def readable(self) -> bool:
        """Always."""
        return True

    def writable(self) -> bool:
        """Until it is finished."""
        return not self._is_finished

    def seekable(self) -> bool:
        """For reading."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As of any file."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise OSError("before the beginning")
        self._position = base + offset
        return self._position

    def write(self, piece: bytes | bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Add ``piece`` at the end; takes all of it or raises."""
        if self._position != self.size or self._is_finished:
            raise io.UnsupportedOperation("bytes are added at the end only")
        view = memoryview(piece).cast("B")
        done = 0
        while done < len(view):
            if len(self._tail) == _room(self._number):  # full, and not the last: more follows
                self._seal_tail(is_last=False)
            taken = view[done : done + _room(self._number) - len(self._tail)]
            self._tail += taken
            done += len(taken)
        self.size += len(view)
        self._position = self.size
        return len(view)

    def _seal_tail(self, *, is_last: bool) -> None:
        place = segments.HEADER if self._number == 0 else self._number * segments.SEGMENT
        if self._end_of_inner != place:
            self._inner.seek(HEAD + place)
        sealed = self._cipher.seal(self._tail, self._number, is_last=is_last)
        self._inner.write(sealed)
        self._end_of_inner = place + len(sealed)
        self._number += 1
        self._tail = bytearray()

    def finish(self) -> None:
        """Seal what is left; nothing can be added any more."""
        if not self._is_finished:
            tail = bytes(self._tail)
            number = self._number
            self._seal_tail(is_last=True)
            self._seen = (number, tail)
            self._is_finished = True

    def readinto(self, buffer: memoryview | bytearray, /) -> int:  # type: ignore[override]
        """Up to a segment's bytes from where it stands."""
        if self._position >= self.size:
            return 0
        number = segments.segment_at(self._position)
        plain = self._plain(number)
        start = self._position - segments.place_of(number, self.size).plain_start
        piece = memoryview(plain)[start : start + len(buffer)]
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def _plain(self, number: int) -> bytes | bytearray:
        if number == self._number and not self._is_finished:
            return self._tail
        if self._seen[0] != number:
            place = segments.place_of(number, self.size)
            self._inner.seek(HEAD + place.offset)
            self._end_of_inner = -1
            sealed = self._inner.read(place.sealed_length)
            is_last = place.is_last and self._is_finished
            self._seen = (number, self._cipher.open(sealed, number, is_last=is_last))
        return self._seen[1]


def _room(number: int) -> int:
    """Plain bytes that segment ``number`` takes."""
    return segments.REST if number else segments.FIRST
