"""Checkpoints of the audit chain as signed notes (C2SP signed-note and tlog-checkpoint).

A note has three lines (origin, number of entries, base64 of the chain's last hash), an empty line, and a signature line:
an em dash, the key's name, and base64 of four bytes of key id and 64 bytes of Ed25519 signature over the three lines.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

_ED25519 = b"\x01"
_ID = 4  # bytes
_SIGNATURE = re.compile(r"— (?P<name>[^\s+]+) (?P<blob>[0-9A-Za-z+/=]+)\Z")
_HASH = 32  # bytes


class CheckpointBroken(Exception):
    """The note, or a public key, cannot be used; the sentence says why."""


@dataclass(frozen=True)
class Checkpoint:
    """What a note states: of ``origin``'s chain, ``size`` entries end in ``head``."""

    origin: str
    size: int
    head: bytes

    @property
    def text(self) -> str:
        """The signed lines."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.head).decode()}\n"


@dataclass(frozen=True)
class PublicKey:
    """A key that signs notes; written as ``name+id+base64``, which is one line for a file or a wall."""

    name: str
    raw: bytes

    @property
    def id(self) -> bytes:
        """Four bytes that stand for the key in a signature line."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.raw).digest()[:_ID]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(_ED25519 + self.raw).decode()}"

    def verifies(self, signature: bytes, text: str) -> bool:
        """Whether ``signature`` is this key's over ``text``."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


def origin_of(raw_public_key: bytes) -> str:
    """The name of the chain and of the key: it differs between installations and tells nothing about them."""
    return f"tpi-audit/{hashlib.sha256(raw_public_key).hexdigest()[:16]}"


def note(checkpoint: Checkpoint, key: PublicKey, signature: bytes) -> str:
    """The checkpoint with its signature, as it leaves the installation."""
    return signed_note(checkpoint.text, key, signature)


def signed_note(text: str, key: PublicKey, signature: bytes) -> str:
    """Lines of text, of which none is empty, with their signature."""
    return f"{text}\n— {key.name} {base64.b64encode(key.id + signature).decode()}\n"


def opened(text: str, keys: Iterable[PublicKey]) -> Checkpoint:
    """The checkpoint of a note that one of ``keys`` has signed; raises :class:`CheckpointBroken`."""
    body, signatures = _parted(text)
    checkpoint = _stated(body)
    _require_signed(body, signatures, keys)
    return checkpoint


def opened_text(text: str, keys: Iterable[PublicKey]) -> str:
    """The lines of a note that one of ``keys`` has signed, whatever they state; raises :class:`CheckpointBroken`."""
    body, signatures = _parted(text)
    _require_signed(body, signatures, keys)
    return body


def _parted(text: str) -> tuple[str, str]:
    body, separator, signatures = text.replace("\r\n", "\n").partition("\n\n")
    if not separator:
        raise CheckpointBroken("it is not a signed note: an empty line before the signature is missing")
    return body, signatures


def _require_signed(body: str, signatures: str, keys: Iterable[PublicKey]) -> None:
    by_id = {key.id: key for key in keys}
    for line in signatures.splitlines():
        match = _SIGNATURE.match(line)
        blob = _decoded(match["blob"]) if match else b""
        key = by_id.get(blob[:_ID])
        if match and key and key.name == match["name"] and key.verifies(blob[_ID:], f"{body}\n"):
            return
    raise CheckpointBroken("no signature of it is by a key that is trusted here")


def public_keys(text: str) -> list[PublicKey]:
    """The keys of a file that holds one a line."""
    return [_public_key(line.strip()) for line in text.splitlines() if line.strip()]


def _public_key(line: str) -> PublicKey:
    name, _, rest = line.partition("+")
    key_id, _, blob = rest.partition("+")
    raw = _decoded(blob)
    key = PublicKey(name, raw[1:])
    if raw[:1] != _ED25519 or len(key.raw) != _HASH or key.id.hex() != key_id:
        raise CheckpointBroken("a public key is one line 'name+id+base64', as manage.py audit_checkpoint shows it")
    return key


def _stated(body: str) -> Checkpoint:
    lines = body.split("\n")
    head = _decoded(lines[2]) if len(lines) == 3 else b""  # noqa: PLR2004  origin, size, hash
    if len(head) != _HASH or not lines[1].isdecimal() or not lines[1].isascii():
        raise CheckpointBroken("it does not state an origin, a number of entries and a hash, one a line")
    return Checkpoint(lines[0], int(lines[1]), head)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
