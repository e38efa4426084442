"""Parts of a backup: sealed before they reach the place, with their digest."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

from indexapp.domain.backup_manifest import Manifest, ManifestBroken, Part
from indexapp.services.backups.places import Place
from indexapp.services.backups.snapshots import Content

CONTENTS, DATABASE, CONFIGURATION = "contents", "database", "configuration"
_PIECE = 256 * 1024


class _Digesting(io.RawIOBase):
    """A file that is written from its beginning to its end, and digested meanwhile."""

    def __init__(self, inner: BinaryIO, also: Callable[[], None]) -> None:
        super().__init__()
        self._inner, self._also = inner, also
        self.digest = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, piece: Any, /) -> int:
        self.digest.update(piece)
        self._inner.write(piece)
        self._also()
        return len(piece)


def kept(place: Place, role: str, packing: str, fill: Callable[[BinaryIO], None], keep: Callable[[], None]) -> Part:
    """Put a part that ``fill`` writes; ``keep`` is called as it goes on."""
    with place.parts.spool() as spool:
        file = _Digesting(spool.file, keep)
        fill(file)  # type: ignore[arg-type]  # RawIOBase does all that is asked of one
        sha256 = file.digest.hexdigest()
        blob = place.parts.put(sha256, spool).blob
    return Part(role, blob.object_name, blob.size, sha256, blob.sealed_key, packing)


def write_contents(contents: Iterable[tuple[Content, bool]], file: BinaryIO) -> None:
    """The list of contents as lines of JSON: SHA-256, size, object, wrapped key, and whether it could be copied."""
    with gzip.GzipFile("", "wb", 1, file, mtime=0) as packed:
        for each, is_there in contents:
            line = [each.sha256, each.size, each.object_name, each.sealed_key, is_there]
            packed.write(json.dumps(line).encode() + b"\n")


def contents_of(place: Place, manifest: Manifest) -> Iterator[tuple[Content, bool]]:
    """As :func:`write_contents` was given them; raises BlobDamaged, FileNotFoundError, ManifestBroken."""
    tail = b""
    for piece in unpacked(place.opened(manifest.part(CONTENTS)), "gzip"):
        *lines, tail = (tail + piece).split(b"\n")
        for line in lines:
            sha256, size, name, key, is_there = json.loads(line)
            yield Content(sha256, size, name, key), is_there


def unpacked(pieces: Iterable[bytes], packing: str) -> Iterator[bytes]:
    """The bytes before they were packed; memory stays flat however well they were."""
    if packing != "gzip":
        yield from pieces
        return
    inflater = zlib.decompressobj(wbits=31)
    try:
        for piece in pieces:
            while piece:
                yield inflater.decompress(piece, _PIECE)
                piece = inflater.unconsumed_tail  # noqa: PLW2901  what is left of it
        while more := inflater.decompress(inflater.unconsumed_tail, _PIECE):
            yield more
        yield inflater.flush()
    except zlib.error:
        raise ManifestBroken("a part is not packed as it says") from None
    if not inflater.eof:
        raise ManifestBroken("a part ends early")
