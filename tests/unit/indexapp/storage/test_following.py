"""A spool that is read while it is written: the same bytes at every place, from memory and from the disk, sealed or plain."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from random import Random
from threading import Thread

import pytest

from indexapp.storage import BlobStorage, Spool
from indexapp.storage.filesystem import FilesystemStore
from indexapp.storage.following import FollowedSpool

LARGE = Random(3).randbytes(9 * 1024 * 1024 + 17)


@pytest.fixture(params=[True, False], ids=["sealed", "plain"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStorage:
    return BlobStorage(FilesystemStore(tmp_path), encrypting=request.param)


@pytest.fixture
def spool(storage: BlobStorage) -> Iterator[Spool]:
    with storage.spool() as spool:
        yield spool


def pieces(content: bytes, random: Random) -> Iterator[bytes]:
    at = 0
    while at < len(content):
        length = random.choice([1, 17, 4096, 65_536, 300_000])
        yield content[at : at + length]
        at += length


def read(followed: FollowedSpool, start: int, stop: int) -> bytes:
    found = b""
    while start < stop and (piece := followed.read(start, stop)):
        found += piece
        start += len(piece)
    return found


def test_every_place_reads_the_same(spool: Spool) -> None:
    random, followed = Random(1), FollowedSpool(spool)
    for piece in pieces(LARGE, random):
        followed.append(piece)
        start = random.randrange(followed.size)
        stop = min(followed.size, start + random.randrange(1, 400_000))
        assert read(followed, start, stop) == LARGE[start:stop]
    assert read(followed, 0, len(LARGE)) == LARGE
    assert not followed.read(len(LARGE), len(LARGE) + 1)
    followed.close()


def test_readers_at_other_paces_than_the_writer(storage: BlobStorage) -> None:
    with storage.spool() as spool:
        followed = FollowedSpool(spool)
        found: list[bytes] = []

        def follow() -> None:
            mine = b""
            while len(mine) < len(LARGE):
                mine += followed.read(len(mine), len(LARGE))
            found.append(mine)

        readers = [Thread(target=follow) for _ in range(4)]
        for each in readers:
            each.start()
        for piece in pieces(LARGE, Random(2)):
            followed.append(piece)
        for each in readers:
            each.join()
    assert found == [LARGE] * 4
    followed.close()


def test_what_was_put_is_read_on_after_its_spool_is_gone(storage: BlobStorage) -> None:
    with storage.spool() as spool:
        followed = FollowedSpool(spool)
        for piece in pieces(LARGE, Random(4)):
            followed.append(piece)
        put = storage.put(hashlib.sha256(LARGE).hexdigest(), spool)
    assert read(followed, 0, len(LARGE)) == LARGE
    assert b"".join(storage.read(put.blob)) == LARGE
    followed.close()


def test_little_of_it_is_in_memory(spool: Spool) -> None:
    followed = FollowedSpool(spool)
    for piece in pieces(LARGE, Random(5)):
        followed.append(piece)
    assert sum(map(len, followed._pieces)) < 5 * 1024 * 1024
    followed.close()
