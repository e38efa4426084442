from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from accounts.domain.checkpoints import Checkpoint, CheckpointBroken, PublicKey, note, opened, origin_of, public_keys

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
RAW = PRIVATE.public_key().public_bytes_raw()
KEY = PublicKey(origin_of(RAW), RAW)
STATED = Checkpoint(KEY.name, 7, hashlib.sha256(b"x").digest())
NOTE = note(STATED, KEY, PRIVATE.sign(STATED.text.encode()))


def test_a_note_has_the_lines_of_its_standard() -> None:
    lines = NOTE.split("\n")
    assert lines[:4] == [KEY.name, "7", base64.b64encode(STATED.head).decode(), ""]
    dash, name, blob = lines[4].split(" ")
    assert (dash, name, lines[5:]) == ("—", KEY.name, [""])
    raw = base64.b64decode(blob)
    assert raw[:4] == hashlib.sha256(f"{KEY.name}\n".encode() + b"\x01" + RAW).digest()[:4]
    PRIVATE.public_key().verify(raw[4:], "\n".join(lines[:3]).encode() + b"\n")


def test_a_note_opens_with_its_key_among_others() -> None:
    other = PublicKey("other", Ed25519PrivateKey.generate().public_key().public_bytes_raw())
    assert opened(NOTE, [other, KEY]) == STATED
    assert opened(NOTE.replace("\n", "\r\n"), [KEY]) == STATED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tpi\n7\n",
        NOTE.replace("\n7\n", "\n8\n"),
        NOTE.replace("— ", "- "),
        NOTE.replace("\n7\n", "\n-7\n"),
        NOTE.replace("\n7\n", "\n٧\n"),
        NOTE.replace("tpi-audit", "tpi-other"),
        NOTE.partition("—")[0],
    ],
)
def test_anything_else_does_not(text: str) -> None:
    with pytest.raises(CheckpointBroken):
        opened(text, [KEY])


def test_a_key_reads_back_as_it_is_shown() -> None:
    assert public_keys(f"{KEY}\n\n{KEY}\n") == [KEY, KEY]


@pytest.mark.parametrize("line", ["x", "a+b+c", str(KEY)[:-8], str(KEY).replace(KEY.id.hex(), "00000000")])
def test_a_broken_key_is_refused(line: str) -> None:
    with pytest.raises(CheckpointBroken):
        public_keys(line)
