"""Contents by their digest, sealed and plain, on every object store."""

from __future__ import annotations

import hashlib
import os
import random
from pathlib import Path
from typing import Any

import pytest

from indexapp.domain.segments import FIRST, REST, SEGMENT
from indexapp.storage import BlobDamaged, BlobStorage, ObjectStore, Put, StoredBlob
from indexapp.storage.memory import MemoryStore
from indexapp.storage.sealed_files import BEFORE, SealedSpool
from tests.contract.stores import ON_S3, kinds, made
from tests.contract.test_object_stores import read as read_object
from tpi_site.kit.key_ring import KeyRing, given_up, key_ring, replace_file

SIZES = [0, 1, 1000, FIRST - 1, FIRST, FIRST + 1, FIRST + REST, FIRST + REST + 1, FIRST + 9 * REST + 5]


@pytest.fixture(autouse=True)
def _ring(settings: Any, tmp_path: Path) -> None:
    settings.TPI_KEYRING = f"file:{tmp_path / 'ring.json'}"


@pytest.fixture(params=kinds("S3", "django-storages"))
def store(request: pytest.FixtureRequest) -> ObjectStore:
    """Each of the stores, empty; parts are no concern of this suite."""
    return made(request)


@pytest.fixture(params=[True, False], ids=["sealed", "plain"])
def storage(request: pytest.FixtureRequest, store: ObjectStore) -> BlobStorage:
    return BlobStorage(store, encrypting=request.param)


@pytest.fixture
def sealed(store: ObjectStore) -> BlobStorage:
    return BlobStorage(store, encrypting=True)


def put(storage: BlobStorage, content: bytes, piece: int = 70_001) -> Put:
    with storage.spool() as spool:
        for start in range(0, len(content), piece):
            spool.file.write(content[start : start + piece])
        assert spool.size == len(content)
        return storage.put(hashlib.sha256(content).hexdigest(), spool)


def whole(storage: BlobStorage, blob: StoredBlob) -> bytes:
    return b"".join(storage.read(blob))


def overwrite(storage: BlobStorage, name: str, content: bytes) -> None:
    """Let the object be other bytes, as a broken disk or somebody with the bucket's keys could."""
    with storage.objects.spool() as spool:
        spool.file.write(content)
        storage.objects.replace(name, spool)


@pytest.mark.parametrize("size", SIZES)
def test_a_content_is_read_back_whole_and_in_any_part(
    storage: BlobStorage, size: int, request: pytest.FixtureRequest
) -> None:
    content = random.Random(size).randbytes(size)
    blob = put(storage, content).blob
    assert blob.size == size
    assert storage.stat(blob.object_name).size == blob.stored_size
    assert whole(storage, blob) == content
    draw = random.Random(1)
    edges = {
        0,
        1,
        size - 1,
        size,
        FIRST - 1,
        FIRST,
        FIRST + 1,
        FIRST + REST - 1,
        FIRST + REST,
        *draw.sample(range(size + 1), 3 if size > 3 else 1),
    }
    starts = sorted(edge for edge in edges if 0 <= edge <= size)
    if request.node.callspec.params["store"] in ON_S3:  # each part is a request of its own
        starts = draw.sample(starts, min(3, len(starts)))
    for start in starts:
        for length in (0, 1, 65_536, REST + 1, None):
            wanted = content[start:] if length is None else content[start : start + length]
            assert b"".join(storage.read(blob, start, length)) == wanted, (start, length)


@pytest.mark.parametrize("piece", [1, 4096, FIRST, SEGMENT, 2**20])
def test_bytes_may_come_in_pieces_of_any_size(storage: BlobStorage, piece: int) -> None:
    content = os.urandom(5000 if piece == 1 else FIRST + REST + 77)
    assert whole(storage, put(storage, content, piece).blob) == content


def test_a_spool_is_read_at_any_place_while_it_grows_and_afterwards(storage: BlobStorage) -> None:
    content = os.urandom(FIRST + REST + 1000)
    with storage.spool() as spool:
        spool.file.write(content[: FIRST + 10])
        spool.file.seek(FIRST - 5)
        assert _exactly(spool.file, 15) == content[FIRST - 5 : FIRST + 10]
        spool.file.seek(0, os.SEEK_END)
        spool.file.write(content[FIRST + 10 :])
        for start in (0, FIRST - 1, FIRST + REST - 1, FIRST + REST, len(content) - 1):
            spool.file.seek(start)
            assert _exactly(spool.file, 3) == content[start : start + 3]
        blob = storage.put(hashlib.sha256(content).hexdigest(), spool).blob
        spool.file.seek(FIRST + REST - 1)
        assert _exactly(spool.file, 3) == content[FIRST + REST - 1 : FIRST + REST + 2]
    assert whole(storage, blob) == content


def _exactly(file: Any, size: int) -> bytes:
    found = b""
    while len(found) < size and (piece := file.read(size - len(found))):
        found += piece
    return found


def test_the_same_content_twice_is_the_same_as_once(storage: BlobStorage) -> None:
    first, second = put(storage, b"content"), put(storage, b"content")
    assert (first.is_new, second.is_new) == (True, False)
    assert second.blob == first.blob
    assert list(storage.names()) == [first.blob.object_name]


@pytest.mark.parametrize("place", [0.0, 0.5, 1.0])
def test_what_is_there_is_relied_upon_only_when_it_is_whole(storage: BlobStorage, place: float) -> None:
    """One bit that nobody has noticed: whoever brings the bytes again is not told that they are there."""
    content = os.urandom(FIRST + REST + 77)
    first = put(storage, content).blob
    spoilt = bytearray(read_object(storage.objects, first.object_name))
    spoilt[int(place * (len(spoilt) - 1))] ^= 1
    overwrite(storage, first.object_name, bytes(spoilt))
    again = put(storage, content)
    assert again.is_new
    assert whole(storage, again.blob) == content
    assert not put(storage, content).is_new


def test_a_spool_that_was_put_can_be_put_again(storage: BlobStorage) -> None:
    """A sweep may have come between; the upload puts what it has once more."""
    with storage.spool() as spool:
        spool.file.write(b"content")
        digest = hashlib.sha256(b"content").hexdigest()
        blob = storage.put(digest, spool).blob
        again = storage.put(digest, spool)
    assert (again.blob, again.is_new) == (blob, False)
    assert whole(storage, blob) == b"content"


def test_a_sealed_object_shows_neither_content_nor_digest(sealed: BlobStorage) -> None:
    content = b"known plain text " * 20_000
    blob = put(sealed, content).blob
    kept = read_object(sealed.objects, blob.object_name)
    digest = hashlib.sha256(content).hexdigest()
    assert b"known plain text" not in kept
    assert digest.encode() not in kept
    assert bytes.fromhex(digest) not in kept
    assert digest not in blob.object_name.replace("/", "")
    assert sealed.plain_path(blob) is None


def test_two_objects_of_one_content_have_nothing_in_common(sealed: BlobStorage) -> None:
    blob = put(sealed, b"x" * 100_000).blob
    first = read_object(sealed.objects, blob.object_name)
    sealed.delete(blob.object_name)
    put(sealed, b"x" * 100_000)
    second = read_object(sealed.objects, blob.object_name)
    same = sum(one == two for one, two in zip(first[BEFORE:], second[BEFORE:], strict=True))
    assert same < len(first) / 100


def test_what_was_put_plain_is_read_after_sealing_was_turned_on(store: ObjectStore) -> None:
    plain = put(BlobStorage(store, encrypting=False), b"content").blob
    storage = BlobStorage(store, encrypting=True)
    assert whole(storage, plain) == b"content"
    again = put(storage, b"content")
    assert again.is_new
    assert again.blob.object_name != plain.object_name
    assert whole(BlobStorage(store, encrypting=False), again.blob) == b"content"


CONTENT = random.Random(7).randbytes(FIRST + 2 * REST + 500)


def _refused(storage: BlobStorage, blob: StoredBlob, start: int = 0, length: int | None = None) -> bytes:
    """What is given away before the rest is refused."""
    given = b""
    with pytest.raises(BlobDamaged) as caught:
        for piece in storage.read(blob, start, length):
            given += piece
    assert blob.object_name in str(caught.value)
    return given


@pytest.mark.parametrize("place", [0, 5, 30, 200, 255, 256, 257, 280, 296, 5000, SEGMENT + 300, 3 * SEGMENT, -1])
def test_a_flipped_bit_is_refused_before_a_wrong_byte_leaves(sealed: BlobStorage, place: int) -> None:
    blob = put(sealed, CONTENT).blob
    kept = bytearray(read_object(sealed.objects, blob.object_name))
    kept[place] ^= 1
    overwrite(sealed, blob.object_name, bytes(kept))
    assert CONTENT.startswith(_refused(sealed, blob))


@pytest.mark.parametrize("left", [0, 100, BEFORE, BEFORE + 5, SEGMENT, 256 + SEGMENT, 256 + 2 * SEGMENT, -1])
def test_a_truncated_object_is_refused(sealed: BlobStorage, left: int) -> None:
    blob = put(sealed, CONTENT).blob
    overwrite(sealed, blob.object_name, read_object(sealed.objects, blob.object_name)[:left])
    assert CONTENT.startswith(_refused(sealed, blob))
    assert _refused(sealed, blob, len(CONTENT) - 10) == b""


def test_segments_in_another_order_are_refused(sealed: BlobStorage) -> None:
    blob = put(sealed, CONTENT).blob
    kept = read_object(sealed.objects, blob.object_name)
    cut = 256
    first, one, two, rest = (
        kept[: cut + SEGMENT],
        kept[cut + SEGMENT : cut + 2 * SEGMENT],
        kept[cut + 2 * SEGMENT : cut + 3 * SEGMENT],
        kept[cut + 3 * SEGMENT :],
    )
    overwrite(sealed, blob.object_name, first + two + one + rest)
    assert CONTENT[:FIRST].startswith(_refused(sealed, blob))


def test_swapped_objects_are_refused(sealed: BlobStorage) -> None:
    one, two = put(sealed, CONTENT).blob, put(sealed, CONTENT[::-1]).blob
    content = read_object(sealed.objects, two.object_name)
    overwrite(sealed, two.object_name, read_object(sealed.objects, one.object_name))
    overwrite(sealed, one.object_name, content)
    for blob in (one, two):
        assert _refused(sealed, blob) == b""
        assert _refused(sealed, blob, FIRST + 5, 10) == b""
    swapped = StoredBlob(one.object_name, one.size, two.sealed_key)  # with the keys of the rows too
    assert _refused(sealed, swapped) == b""


def test_a_key_ring_without_the_key_opens_nothing(sealed: BlobStorage, settings: Any, tmp_path: Path) -> None:
    blob = put(sealed, CONTENT).blob
    settings.TPI_KEYRING = f"file:{tmp_path / 'another.json'}"
    assert _refused(sealed, blob) == b""


def test_an_object_that_nobody_could_read_is_put_anew(sealed: BlobStorage) -> None:
    """Cut off by a crash of the store, or sealed with a key that is gone: the next upload of the content heals it."""
    blob = put(sealed, b"content").blob
    overwrite(sealed, blob.object_name, b"nothing that opens")
    again = put(sealed, b"content")
    assert again.is_new
    assert whole(sealed, again.blob) == b"content"


def test_the_key_of_an_object_without_a_row_is_found_in_its_head(sealed: BlobStorage) -> None:
    first, second = put(sealed, b"content").blob, put(sealed, b"content").blob
    assert whole(sealed, second) == b"content"
    assert second.sealed_key == first.sealed_key


def test_a_plain_object_that_ends_early_is_refused(store: ObjectStore) -> None:
    storage = BlobStorage(store, encrypting=False)
    blob = put(storage, CONTENT).blob
    overwrite(storage, blob.object_name, CONTENT[:1000])
    assert _refused(storage, blob) == CONTENT[:1000]


@pytest.mark.parametrize("start", [0, 5, FIRST + 1])
def test_a_missing_object_is_said_at_once(storage: BlobStorage, start: int) -> None:
    blob = put(storage, CONTENT).blob
    storage.delete(blob.object_name)
    assert not storage.exists(blob.object_name)
    with pytest.raises(FileNotFoundError):
        storage.read(blob, start, 10)


def test_an_object_that_another_node_wrote_over_opens_with_the_key_in_its_head(
    store: ObjectStore, tmp_path: Path
) -> None:
    """Two uploads of one content meet in a store that lets the second win; the row may speak of the first."""
    here, elsewhere = BlobStorage(store, encrypting=True), BlobStorage(MemoryStore(tmp_path / "m"), encrypting=True)
    blob = put(here, CONTENT).blob
    other = put(elsewhere, CONTENT).blob
    overwrite(here, blob.object_name, read_object(elsewhere.objects, other.object_name))
    assert other.sealed_key != blob.sealed_key
    assert whole(here, blob) == CONTENT
    assert b"".join(here.read(blob, FIRST + 5, 10)) == CONTENT[FIRST + 5 : FIRST + 15]


def _forged(storage: BlobStorage, name: str, content: bytes, ring: KeyRing) -> bytes:
    """An object of this name as somebody makes it who came by a key of the ring."""
    with storage.objects.spool() as inner:
        spool = SealedSpool(inner)
        spool.file.write(content)
        spool.finish(name, ring)
        inner.file.seek(0)
        return inner.file.read()


FORGERY = bytes(len(CONTENT))


def test_a_key_that_came_to_be_known_forges_no_content(sealed: BlobStorage) -> None:
    """Also before anybody knows of it: what the head alone opens is held against its name before a byte leaves."""
    blob = put(sealed, CONTENT).blob
    overwrite(sealed, blob.object_name, _forged(sealed, blob.object_name, FORGERY, key_ring()))
    assert _refused(sealed, blob) == b""
    assert _refused(sealed, blob, FIRST + 5, 10) == b""
    assert sealed.by_head(blob.object_name, blob.size) is None
    again = put(sealed, CONTENT)
    assert again.is_new
    assert whole(sealed, again.blob) == CONTENT


def test_a_key_that_was_given_up_is_refused_in_every_head(sealed: BlobStorage) -> None:
    """Even over the right bytes; with a key of the database's they are read on until they are sealed anew."""
    blob, ring = put(sealed, CONTENT).blob, key_ring()
    replace_file(given_up(ring, ring.current))
    assert whole(sealed, blob) == CONTENT
    overwrite(sealed, blob.object_name, _forged(sealed, blob.object_name, CONTENT, ring))
    assert sealed.by_head(blob.object_name, blob.size) is None
    assert _refused(sealed, blob) == b""


def test_what_the_head_opens_is_proved_once(sealed: BlobStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    blob = put(sealed, CONTENT).blob
    overwrite(sealed, blob.object_name, _forged(sealed, blob.object_name, CONTENT, key_ring()))
    assert whole(sealed, blob) == CONTENT
    opened: list[tuple[int, int | None]] = []
    open_object = sealed.objects.open

    def noted(name: str, start: int = 0, length: int | None = None) -> Any:
        opened.append((start, length))
        return open_object(name, start, length)

    monkeypatch.setattr(sealed.objects, "open", noted)
    assert b"".join(sealed.read(blob, FIRST + 5, 10)) == CONTENT[FIRST + 5 : FIRST + 15]
    assert all(length is not None and length < len(CONTENT) for _, length in opened)
