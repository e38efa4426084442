"""The bytes of ZIP members, inflated piece by piece and held against what the directory says."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO

from indexapp.domain.archives.limits import PIECE
from indexapp.domain.archives.member_names import shown
from indexapp.domain.archives.zip_framing import ZipMember
from indexapp.domain.archives.zip_headers import DEFLATED
from tpi_site.kit.errors import Invalid


def content_of(file: BinaryIO, member: ZipMember) -> Iterator[bytes]:
    """Yield the content of ``member`` in pieces of at most 64 KiB, counting and summing what really comes out.

    More bytes than the directory declares are refused as soon as they appear, so a lying header cannot unpack into
    more than the decompression ceiling that its declared sizes have passed.
    """
    pieces = _raw(file, member)
    total = crc = 0
    for piece in _inflated(pieces, member) if member.method == DEFLATED else pieces:
        total += len(piece)
        if total > member.size:
            break
        crc = zlib.crc32(piece, crc)
        yield piece
    if total != member.size:
        raise _corrupt(member, "does not unpack to the size it declares")
    if crc != member.crc:
        raise _corrupt(member, "does not have the checksum it declares")


def bytes_of(file: BinaryIO, member: ZipMember, *, limit: int) -> bytes:
    """Return the whole content of a small member; more than ``limit`` bytes are refused."""
    require_size(member.name, member.size, limit=limit)
    return b"".join(content_of(file, member))


def require_size(name: str, size: int, *, limit: int) -> None:
    """Refuse with ``archive-member-too-large`` a member that must be held in memory and is longer than ``limit``."""
    if size > limit:
        raise Invalid(
            f"{shown(name)} is larger than {limit} bytes; shorten it.",
            code="archive-member-too-large",
        )


def _raw(file: BinaryIO, member: ZipMember) -> Iterator[bytes]:
    """Yield the bytes of ``member`` as they are in the file."""
    position, end = member.start, member.start + member.compressed_size
    while position < end:
        file.seek(position)  # whoever consumes the pieces may read elsewhere in between
        piece = file.read(min(PIECE, end - position))
        if not piece:
            raise _corrupt(member, "is cut off")
        position += len(piece)
        yield piece


def _inflated(pieces: Iterator[bytes], member: ZipMember) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for piece in pieces:
            if inflater.eof:
                raise _corrupt(member, "has bytes after its end")
            yield inflater.decompress(piece, PIECE)
            while inflater.unconsumed_tail:
                yield inflater.decompress(inflater.unconsumed_tail, PIECE)
        while not inflater.eof and (piece := inflater.decompress(b"", PIECE)):
            yield piece
    except zlib.error:
        raise _corrupt(member, "is not a sound deflate stream") from None
    if not inflater.eof:
        raise _corrupt(member, "is cut off")
    if inflater.unused_data:
        raise _corrupt(member, "has bytes after its end")


def _corrupt(member: ZipMember, fault: str) -> Invalid:
    return Invalid(
        f"The ZIP member {shown(member.name)} {fault}; build the archive again and upload it unchanged.",
        code="zip-content",
    )
