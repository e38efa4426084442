"""Contents by their digest, sealed or not, on any object store."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from itertools import chain
from pathlib import Path

from indexapp.domain import segments
from indexapp.domain.segments import SegmentBroken, StreamCipher, StreamKey
from indexapp.storage import sealed_files
from indexapp.storage.names import name_of
from indexapp.storage.protocol import ObjectState, ObjectStore, Readable, Spool
from indexapp.storage.read_ahead import made_ahead
from indexapp.storage.sealed_files import BEFORE, HEAD, KeyLacking, SealedSpool
from tpi_site.kit.key_ring import KeyRing, WrapBroken, key_ring

log = logging.getLogger(__name__)
_PIECE = 256 * 1024
_AT_FIRST, _AT_ONCE = 4, 8
"""Sealed segments that are opened in one go, 256 and 512 KiB: few enough for a processor's cache."""
_KNOWN_KEYS = 256
"""Opened keys that a process remembers."""
_PROVED = 1024
"""Objects of which a process remembers that their bytes are those of their name."""


class BlobDamaged(Exception):
    """What the store keeps under this name is not what was put there; no byte of it that was not proved has left."""


class KeyMissing(BlobDamaged):
    """The key that the row names is not in this node's ring: nothing is known of the object, and it may be whole."""


def _unopened(blob: StoredBlob, error: SegmentBroken) -> BlobDamaged:
    return (KeyMissing if isinstance(error, KeyLacking) else BlobDamaged)(f"{blob.object_name}: {error}")


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """Where a content is: its object, its plain size, and the wrapped key that opens it; plain bytes have none."""

    object_name: str
    size: int
    sealed_key: str = ""

    @property
    def stored_size(self) -> int:
        """Bytes of the object."""
        return sealed_files.stored_size(self.size) if self.sealed_key else self.size


@dataclass(frozen=True, slots=True)
class Put:
    """The outcome of putting a content; ``is_new`` when it was not there before, or not whole."""

    blob: StoredBlob
    is_new: bool


class BlobStorage:
    """The installation's contents.

    With ``encrypting`` new ones are sealed and named so that a name tells nothing of the content; what was put before is read
    as it lies.
    """

    def __init__(self, objects: ObjectStore, *, encrypting: bool) -> None:
        self.objects = objects
        self.encrypting = encrypting
        self._proved: dict[StoredBlob, None] = {}

    @contextmanager
    def spool(self) -> Iterator[Spool]:
        """Room for incoming bytes; sealed before they reach the disk."""
        with self.objects.spool() as inner:
            yield SealedSpool(inner) if self.encrypting else inner

    def object_name(self, sha256: str) -> str:
        """The name under which a content with this digest (64 hex digits) is put now."""
        return name_of(key_ring().name_of(sha256) if self.encrypting else sha256)

    def put(self, sha256: str, spool: Spool, known_key: Callable[[], str] = str) -> Put:
        """Keep the spooled bytes durably; the same content twice is the same as once.

        What lies there already is read to its last byte before it is relied upon, and gives way to the spooled bytes where it
        is not whole.  ``known_key`` tells the wrapped key that a row has for it, or nothing: the head of an object keeps the
        key that wrapped it first, which may have left the ring since.
        """
        name, size = self.object_name(sha256), spool.size
        if not isinstance(spool, SealedSpool):
            return self._put_plain(StoredBlob(name, size), sha256, spool)
        if spool.is_of_another(name):  # put before, when objects had other names
            with self._copied(spool) as copy:
                return self.put(sha256, copy, known_key)
        blob = StoredBlob(name, size, spool.finish(name, key_ring()))
        if self.objects.put(name, spool.inner):
            return Put(blob, is_new=True)
        there = self._whole(name, size, lambda before: _keys(before, known_key, blob.sealed_key))
        if there is not None and self.holds(there, sha256):
            return Put(there, is_new=False)
        self.objects.replace(name, spool.inner)  # nobody could ever have read it whole
        return Put(blob, is_new=True)

    def _put_plain(self, blob: StoredBlob, sha256: str, spool: Spool) -> Put:
        if self.objects.put(blob.object_name, spool):
            return Put(blob, is_new=True)
        if self.holds(blob, sha256):
            return Put(blob, is_new=False)
        self.objects.replace(blob.object_name, spool)
        return Put(blob, is_new=True)

    def holds(self, blob: StoredBlob, sha256: str) -> bool:
        """Whether the object is the whole content of this digest, by reading all of it; raises StorageUnavailable."""
        digest = hashlib.sha256()
        try:
            if self.objects.stat(blob.object_name).size != blob.stored_size:
                return False
            for piece in self.read(blob):
                digest.update(piece)
        except (FileNotFoundError, BlobDamaged):
            return False
        return digest.hexdigest() == sha256

    @contextmanager
    def _copied(self, finished: SealedSpool) -> Iterator[Spool]:
        """The same bytes under a new data key."""
        with self.spool() as spool:
            finished.file.seek(0)
            shutil.copyfileobj(finished.file, spool.file, _PIECE)
            yield spool

    def _whole(self, name: str, size: int, keys: Callable[[bytes], Iterable[str]]) -> StoredBlob | None:
        """The object of this name if its size is right and one of the ``keys``, which are told its head, opens that."""
        with suppress(FileNotFoundError, SegmentBroken):
            before = _read_all(self.objects.open(name, 0, BEFORE), BEFORE)
            blob = self._opening(name, size, before, keys(before))
            if blob is not None and self.objects.stat(name).size == blob.stored_size:
                return blob
        return None

    def _opening(self, name: str, size: int, before: bytes, keys: Iterable[str]) -> StoredBlob | None:
        for blob in (StoredBlob(name, size, wrapped) for wrapped in keys if wrapped):
            with suppress(SegmentBroken):
                sealed_files.require_head(_key_of(blob), before)
                return blob
        return None

    def under_current_key(self, blob: StoredBlob) -> StoredBlob:
        """``blob`` with its key wrapped by the ring's current one; raises BlobDamaged where no key of the ring opens it."""
        if not blob.sealed_key:
            return blob
        try:
            wrapped = key_ring().rewrapped(blob.sealed_key, sealed_files.purpose(blob.object_name))
        except WrapBroken as error:
            raise BlobDamaged(f"{blob.object_name}: its key: {error}") from None
        return replace(blob, sealed_key=wrapped)

    def is_same_key(self, blob: StoredBlob, wrapped: str) -> bool:
        """Whether ``wrapped`` is the key of ``blob`` too, perhaps wrapped by another key of the ring."""
        try:
            return _key_of(blob).to_bytes() == _key_of(replace(blob, sealed_key=wrapped)).to_bytes()
        except SegmentBroken:
            return False

    def by_head(self, object_name: str, size: int) -> StoredBlob | None:
        """The sealed object of this name as its own head tells; None where it does not open or fit.

        A head names whatever key somebody wrapped, so it is believed only where that key was not given up, and after the
        whole content was found to be that of the name, which is done once in a process.
        """
        found = self._whole(object_name, size, lambda before: [sealed_files.trusted_key_in(key_ring(), before)])
        return found if found is not None and self._is_of_its_name(found) else None

    def by_any_head(self, object_name: str, size: int) -> StoredBlob | None:
        """As :meth:`by_head`, but nothing is proved: for whoever reads all of it and holds it against its digest."""
        return self._whole(object_name, size, lambda before: [sealed_files.wrapped_key_in(before)])

    def _is_of_its_name(self, blob: StoredBlob) -> bool:
        """Whether the bytes have the digest that the object is named after; they are read as they come, and not kept."""
        if blob in self._proved:
            return True
        digest = hashlib.sha256()
        try:
            for piece in self._begun(blob, 0, None):
                digest.update(piece)
        except (FileNotFoundError, BlobDamaged):
            return False
        if blob.object_name not in map(name_of, key_ring().names_of(digest.hexdigest())):
            return False
        while len(self._proved) >= _PROVED:
            self._proved.pop(next(iter(self._proved)), None)
        self._proved[blob] = None
        return True

    def require_opens(self, blob: StoredBlob) -> None:
        """Raises BlobDamaged unless the key opens for the object's name and fits its head; plain bytes have neither."""
        if not blob.sealed_key:
            return
        try:
            sealed_files.require_head(_key_of(blob), _read_all(self.objects.open(blob.object_name, 0, BEFORE), BEFORE))
        except SegmentBroken as error:
            raise _unopened(blob, error) from None

    def restore(self, sha256: str, spool: Spool) -> StoredBlob:
        """Keep the spooled bytes durably instead of whatever is there."""
        name, size = self.object_name(sha256), spool.size
        if isinstance(spool, SealedSpool) and spool.is_of_another(name):
            with self._copied(spool) as copy:
                return self.restore(sha256, copy)
        sealed_key = spool.finish(name, key_ring()) if isinstance(spool, SealedSpool) else ""
        self.objects.replace(name, spool.inner if isinstance(spool, SealedSpool) else spool)
        return StoredBlob(name, size, sealed_key)

    def exists(self, object_name: str) -> bool:
        """Whether there is such an object."""
        try:
            self.objects.stat(object_name)
        except FileNotFoundError:
            return False
        return True

    def stat(self, object_name: str) -> ObjectState:
        """See the object store."""
        return self.objects.stat(object_name)

    def read(self, blob: StoredBlob, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The plain bytes from ``start``, ``length`` of them or all, in pieces.

        Raises FileNotFoundError at once, and BlobDamaged when the next piece is not what was put, before it is given.
        An object that another node wrote over with the same content, sealed anew, opens with the key that its head names;
        see :meth:`by_head`.
        """
        try:
            return self._begun(blob, start, length)
        except BlobDamaged:
            there = self.by_head(blob.object_name, blob.size) if blob.sealed_key else None
            if there is None or there.sealed_key == blob.sealed_key:
                raise
        log.warning("The object %s opens with another key than its row says.", blob.object_name)
        return self._begun(there, start, length)

    def _begun(self, blob: StoredBlob, start: int, length: int | None) -> Iterator[bytes]:
        """The pieces, of which the first is proved."""
        pieces = self._pieces(blob, start, length)
        return chain([next(pieces, b"")], pieces)

    def _pieces(self, blob: StoredBlob, start: int, length: int | None) -> Iterator[bytes]:
        length = max(0, min(blob.size - start, blob.size if length is None else length))
        if not blob.sealed_key:
            return _plain_pieces(self.objects.open(blob.object_name, start, length), blob, length)
        opened = _opened(blob)
        wanted = _wanted(blob, start, length)
        first, sealed = segments.sealed_span(blob.size, wanted)
        begin, sealed = (0, BEFORE + sealed) if start == 0 else (HEAD + first, sealed)
        stream = self.objects.open(blob.object_name, begin, sealed)
        return _opened_pieces(stream, blob, opened, wanted, start, start + length)

    def plain_path(self, blob: StoredBlob) -> Path | None:
        """Where the plain bytes lie on this machine's disk, for sendfile and X-Accel-Redirect; None if nowhere."""
        return None if blob.sealed_key else self.objects.local_path(blob.object_name)

    def delete(self, object_name: str) -> None:
        """Forget the object; unknown names are no error."""
        self.objects.delete(object_name)

    def names(self) -> Iterator[str]:
        """Every object's name, for maintenance."""
        return self.objects.names()

    def sweep_incoming(self, *, older_than: datetime) -> int:
        """See the object store."""
        return self.objects.sweep_incoming(older_than=older_than)


def _keys(before: bytes, known_key: Callable[[], str], spooled: str) -> Iterator[str]:
    """What may open an object: what its head names, unless that was given up, what its row says, and what was spooled."""
    with suppress(SegmentBroken):
        yield sealed_files.trusted_key_in(key_ring(), before)
    yield known_key()
    yield spooled


def _key_of(blob: StoredBlob) -> StreamKey:
    return sealed_files.opened(key_ring(), blob.object_name, blob.sealed_key)


@dataclass(frozen=True, slots=True)
class _Opened:
    """The key of an object and what it was made into."""

    key: StreamKey
    cipher: StreamCipher


@lru_cache(_KNOWN_KEYS)
def _opened_with(ring: KeyRing, object_name: str, sealed_key: str) -> _Opened:
    """To unwrap and to derive take as long as to open a segment, and clients ask for one wheel range by range."""
    key = sealed_files.opened(ring, object_name, sealed_key)
    return _Opened(key, StreamCipher(key))


def _opened(blob: StoredBlob) -> _Opened:
    try:
        return _opened_with(key_ring(), blob.object_name, blob.sealed_key)
    except SegmentBroken as error:
        raise _unopened(blob, error) from None


def _read_all(stream: Readable, size: int) -> bytes:
    try:
        return _exactly(stream, size)
    finally:
        stream.close()


def _exactly(stream: Readable, size: int) -> bytes:
    """``size`` bytes, or fewer where the object ends."""
    piece = stream.read(size)
    while len(piece) < size and (more := stream.read(size - len(piece))):
        piece += more
    return piece


def _plain_pieces(stream: Readable, blob: StoredBlob, length: int) -> Iterator[bytes]:
    left = length
    try:
        while left > 0:
            piece = stream.read(min(_PIECE, left))
            if not piece:
                raise BlobDamaged(f"{blob.object_name}: it ends {left} bytes early")
            left -= len(piece)
            yield piece
    finally:
        stream.close()


def _wanted(blob: StoredBlob, start: int, length: int) -> range:
    """The segments that are read; the only one of an empty content too, because it proves that there is nothing."""
    return segments.numbers(blob.size, start, length) if length or not blob.size else range(0)


def _opened_pieces(
    stream: Readable, blob: StoredBlob, opened: _Opened, wanted: range, start: int, end: int
) -> Iterator[bytes]:
    """The plain bytes segment by segment, cut to what was asked for; the head is proved where reading begins there."""

    def open_batch(batch: range) -> list[bytes]:
        sealed = memoryview(_exactly(stream, segments.sealed_span(blob.size, batch)[1]))
        plain = []
        for number in batch:
            place = segments.place_of(number, blob.size)
            mine, sealed = sealed[: place.sealed_length], sealed[place.sealed_length :]
            piece = opened.cipher.open(mine, number, is_last=place.is_last)
            plain.append(_cut(piece, start - place.plain_start, end - place.plain_start))
        return plain

    try:
        if start == 0:
            sealed_files.require_head(opened.key, _exactly(stream, BEFORE))
        with closing(made_ahead(open_batch, _batches(wanted))) as batches:
            for batch in batches:
                yield from batch
    except SegmentBroken as error:
        raise BlobDamaged(f"{blob.object_name}: {error}") from None
    finally:
        stream.close()


def _batches(wanted: range) -> Iterator[range]:
    """Few segments first, because somebody waits for them; then more, because each batch costs a hand-over."""
    yield wanted[:_AT_FIRST]
    for first in range(_AT_FIRST, len(wanted), _AT_ONCE):
        yield wanted[first : first + _AT_ONCE]


def _cut(plain: bytes, start: int, end: int) -> bytes:
    return plain if start <= 0 and end >= len(plain) else plain[max(0, start) : end]
