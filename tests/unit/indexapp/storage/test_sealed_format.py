"""The format of sealed objects, held to objects that were written once: what is stored today must open in ten years."""

from __future__ import annotations

import hashlib
import hmac
import io
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from indexapp.domain.segments import FIRST, REST, SegmentBroken, StreamCipher, StreamKey, place_of
from indexapp.storage import BlobStorage, StoredBlob, sealed_files
from indexapp.storage.memory import MemoryStore
from indexapp.storage.names import name_of
from indexapp.storage.sealed_files import BEFORE, HEAD, SealedFile
from tpi_site.kit import key_ring

GOLDEN = Path(__file__).resolve().parents[3] / "golden/sealed"
"""A ring that opens nothing else, and two objects under it."""


@dataclass(frozen=True)
class Golden:
    """An object with what it must give."""

    name: str
    stored: bytes
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def wrapped(self) -> str:
        """The wrapped key as the format says where it stands."""
        length = int.from_bytes(self.stored[4:6], "big")
        return self.stored[6 : 6 + length].decode("ascii")

    @property
    def key(self) -> StreamKey:
        return sealed_files.opened(key_ring.key_ring(), self.name, self.wrapped)


OBJECTS = {
    "one-segment": ("3b/e948d51298671bdc7c6b838335f30fcaea0f4d69433df7c9c66aa0345a4016", 1000),
    "three-segments": ("5d/ba7244e72bb5d98651b9c6dd840721ba07ecfff51cfd4127d01a59f9133d25", FIRST + REST + 1000),
}


@pytest.fixture(params=list(OBJECTS))
def golden(request: pytest.FixtureRequest, settings: Any, tmp_path: Path) -> Golden:
    shutil.copy(GOLDEN / "ring.json", tmp_path / "ring.json")
    settings.TPI_KEYRING = f"file:{tmp_path / 'ring.json'}"
    name, size = OBJECTS[request.param]
    content = b"".join(hashlib.sha256(b"golden %d" % number).digest() for number in range(size // 32 + 1))[:size]
    return Golden(name, (GOLDEN / f"{request.param}.sealed").read_bytes(), content)


@pytest.fixture
def storage(golden: Golden, tmp_path: Path) -> BlobStorage:
    """A storage that has the object."""
    store = MemoryStore(tmp_path / "tmp")
    with store.spool() as spool:
        spool.file.write(golden.stored)
        store.put(golden.name, spool)
    return BlobStorage(store, encrypting=True)


def test_it_opens_byte_for_byte_from_its_name_on(golden: Golden, storage: BlobStorage) -> None:
    assert name_of(key_ring.key_ring().name_of(golden.sha256)) == golden.name
    blob = storage.by_head(golden.name, len(golden.content))
    assert blob == StoredBlob(golden.name, len(golden.content), golden.wrapped)
    assert blob.stored_size == len(golden.stored)
    assert b"".join(storage.read(blob)) == golden.content
    assert b"".join(storage.read(blob, len(golden.content) - 7, 7)) == golden.content[-7:]
    storage.require_opens(blob)


def test_sealing_with_its_key_gives_the_same_bytes(golden: Golden) -> None:
    lying = io.BytesIO()
    file = SealedFile(lying, golden.key)
    file.write(golden.content)
    file.finish()
    lying.seek(0)
    lying.write(sealed_files.head_of(golden.key, golden.wrapped) + golden.key.header)
    assert lying.getvalue() == golden.stored


def test_it_is_the_published_layout(golden: Golden) -> None:
    """RFC 5869 and the nonces of Tink's AES-GCM-HKDF streaming, written out here once more."""
    data_key, salt, prefix = golden.key.data_key, golden.key.salt, golden.key.prefix
    assert golden.stored[HEAD:BEFORE] == bytes([40]) + salt + prefix
    extracted = hmac.digest(salt, data_key, "sha256")
    aead = AESGCM(hmac.digest(extracted, b"\x01", "sha256"))
    pieces = [golden.stored[BEFORE : HEAD + 65_536], golden.stored[HEAD + 65_536 : HEAD + 2 * 65_536]]
    pieces = [piece for piece in [*pieces, golden.stored[HEAD + 2 * 65_536 :]] if piece]
    plain = b""
    for number, piece in enumerate(pieces):
        last = number == len(pieces) - 1
        plain += aead.decrypt(prefix + number.to_bytes(4, "big") + bytes([last]), piece, None)
        with pytest.raises(InvalidTag):
            aead.decrypt(prefix + number.to_bytes(4, "big") + bytes([not last]), piece, None)
    assert plain == golden.content


def test_a_segment_opens_only_as_what_it_is(golden: Golden) -> None:
    cipher, size = StreamCipher(golden.key), len(golden.content)
    for number in range(1 if size <= FIRST else 3):
        place = place_of(number, size)
        sealed = golden.stored[HEAD + place.offset :][: place.sealed_length]
        plain = golden.content[place.plain_start :][: place.plain_length]
        assert cipher.open(sealed, number, is_last=place.is_last) == plain
        for wrong in (
            lambda: cipher.open(sealed, number, is_last=not place.is_last),
            lambda: cipher.open(sealed, number + 1, is_last=place.is_last),
            lambda: StreamCipher(replace(golden.key, salt=bytes(32))).open(sealed, number, is_last=place.is_last),
            lambda: StreamCipher(replace(golden.key, prefix=bytes(7))).open(sealed, number, is_last=place.is_last),
        ):
            with pytest.raises(SegmentBroken):
                wrong()  # type: ignore[no-untyped-call]  # mypy takes lambdas of a loop so


def test_two_streams_with_one_data_key_have_keys_of_their_own() -> None:
    key = StreamKey.make()
    other = replace(key, salt=StreamKey.make().salt)
    assert StreamCipher(key).seal(b"x", 0, is_last=True) != StreamCipher(other).seal(b"x", 0, is_last=True)


@pytest.mark.parametrize("left", [BEFORE, BEFORE + 1, -1])
def test_who_uploads_a_content_whose_object_was_cut_off_mends_it(
    golden: Golden, storage: BlobStorage, left: int
) -> None:
    """The head is whole and opens, so that only the size tells."""
    with storage.objects.spool() as spool:
        spool.file.write(golden.stored[:left])
        storage.objects.replace(golden.name, spool)
    assert storage.by_head(golden.name, len(golden.content)) is None
    with storage.spool() as incoming:
        incoming.file.write(golden.content)
        put = storage.put(golden.sha256, incoming)
    assert put.is_new
    assert b"".join(storage.read(put.blob)) == golden.content
