"""The content of ZIP members against what the directory says of it."""

from __future__ import annotations

import io
import os
import zlib
from dataclasses import replace

import pytest

from indexapp.domain.archives.limits import PIECE, ArchiveLimits
from indexapp.domain.archives.zip_content import bytes_of, content_of
from indexapp.domain.archives.zip_framing import read_members
from tests.builders.raw_zips import DEFLATED, RawEntry, raw_zip
from tests.builders.wheels import write_zip
from tpi_site.kit.errors import Invalid

ENTRY = RawEntry(content=b"ANSWER = 42\n" * 50, method=DEFLATED)


def first_content(content: bytes) -> bytes:
    file = io.BytesIO(content)
    (member,) = read_members(file, ArchiveLimits())
    return b"".join(content_of(file, member))


def declared(entry: RawEntry, **fields: int) -> bytes:
    """One member about which both headers tell the same lie."""
    return raw_zip([replace(entry, local=fields, central=fields)])


def without_end(content: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(content) + deflater.flush(zlib.Z_SYNC_FLUSH)


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
@pytest.mark.parametrize("method", [0, 8])
@pytest.mark.parametrize("make", [os.urandom, bytes])
def test_content_comes_out_whole_and_in_small_pieces(size: int, method: int, make) -> None:
    expected = make(size)
    file = io.BytesIO(write_zip([("a", expected)], compression=method))
    (member,) = read_members(file, ArchiveLimits())
    pieces = list(content_of(file, member))
    assert b"".join(pieces) == expected
    assert max(map(len, pieces), default=0) <= PIECE


def test_pieces_survive_reads_in_between() -> None:
    file = io.BytesIO(write_zip([("a", bytes(3 * PIECE)), ("b", b"b" * 3 * PIECE)], compression=0))
    first, second = read_members(file, ArchiveLimits())
    pairs = zip(content_of(file, first), content_of(file, second), strict=True)
    assert all((set(left), set(right)) == ({0}, {ord("b")}) for left, right in pairs)


WRONG = {
    "unpacks to more than declared": declared(ENTRY, size=10),
    "unpacks to less than declared": declared(ENTRY, size=10_000),
    "another checksum": declared(ENTRY, crc=1),
    "another checksum, stored": declared(RawEntry(), crc=1),
    "not deflate at all": raw_zip([replace(ENTRY, payload=b"\xff\xff\xff\xff")]),
    "deflate cut off": raw_zip([replace(ENTRY, payload=ENTRY.packed[:-3])]),
    "all content but no end of the stream": raw_zip([replace(ENTRY, payload=without_end(ENTRY.content))]),
    "empty payload": raw_zip([replace(ENTRY, payload=b"")]),
    "bytes after the stream": raw_zip([replace(ENTRY, payload=ENTRY.packed + b"hidden")]),
    "many bytes after the stream": raw_zip([replace(ENTRY, payload=ENTRY.packed + bytes(2 * PIECE))]),
    "zlib header": raw_zip([replace(ENTRY, payload=zlib.compress(ENTRY.content))]),
}


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG.keys())
def test_wrong_content_is_refused(content: bytes) -> None:
    with pytest.raises(Invalid) as refusal:
        first_content(content)
    assert refusal.value.code == "zip-content"


def test_a_bomb_behind_a_small_declared_size_stops_at_that_size() -> None:
    bomb = zlib.compressobj(wbits=-15)
    payload = b"".join([*(bomb.compress(bytes(1024 * 1024)) for _ in range(200)), bomb.flush()])
    file = io.BytesIO(declared(replace(ENTRY, content=b"x" * 100, payload=payload)))
    (member,) = read_members(file, ArchiveLimits())
    came_out: list[bytes] = []
    with pytest.raises(Invalid, match="does not unpack to the size it declares"):
        came_out.extend(content_of(file, member))
    assert sum(map(len, came_out)) <= 100


def test_a_file_that_shrinks_under_the_reader_is_refused() -> None:
    file = io.BytesIO(raw_zip([RawEntry()]))
    (member,) = read_members(file, ArchiveLimits())
    file.truncate(member.start)
    with pytest.raises(Invalid, match="cut off"):
        list(content_of(file, member))


def test_the_limit_on_members_held_in_memory_is_inclusive() -> None:
    file = io.BytesIO(raw_zip([RawEntry(content=b"12345")]))
    (member,) = read_members(file, ArchiveLimits())
    assert bytes_of(file, member, limit=5) == b"12345"
    with pytest.raises(Invalid) as refusal:
        bytes_of(file, member, limit=4)
    assert refusal.value.code == "archive-member-too-large"
