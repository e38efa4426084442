"""Keys under which secrets and the data keys of blobs are wrapped before they are written down.

AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce.  What something is wrapped for is bound in as associated data, so
that a wrapped text copied elsewhere opens nothing there.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

V = TypeVar("V")
VERSION = "s1"
_NONCE = 12  # bytes
KEY = 32
"""Bytes of a key."""


class WrapBroken(Exception):
    """A wrapped text was changed, is for another purpose, or its key is not in the ring."""


@dataclass(frozen=True, eq=False)
class KeyRing:
    """Keys by their ids, the id of the one that wraps, and the key that names objects."""

    current: str
    keys: Mapping[str, bytes]
    created: Mapping[str, datetime] = field(default_factory=dict)
    naming: bytes = b""
    former: tuple[bytes, ...] = ()
    """Keys that named objects before ``naming`` did."""
    given_up: Mapping[str, datetime] = field(default_factory=dict)
    """Since when keys are known to others; whatever was sealed before is to be sealed anew."""
    coming: str = ""
    """The id of a key that is current when all nodes have it; empty where none is to be."""

    def __repr__(self) -> str:
        """Keep the keys out of tracebacks and logs."""
        return f"KeyRing(current={self.current!r})"

    def wrap(self, secret: bytes, purpose: str) -> str:
        """``secret`` under the current key, as printable text that names it: ``s1.<key id>.<base64>``."""
        nonce = secrets.token_bytes(_NONCE)
        sealed = nonce + AESGCM(self.keys[self.current]).encrypt(nonce, secret, _bound(purpose))
        return f"{VERSION}.{self.current}.{base64.urlsafe_b64encode(sealed).decode()}"

    def unwrap(self, text: str, purpose: str) -> bytes:
        """What :meth:`wrap` was given; raises WrapBroken."""
        version, _, rest = text.partition(".")
        key_id, _, encoded = rest.partition(".")
        key = self.keys.get(key_id)
        if version != VERSION or key is None:
            raise WrapBroken(f"It is wrapped with the key '{key_id[:40]}', which is not in the key ring.")
        try:
            raw = base64.urlsafe_b64decode(encoded)
            return AESGCM(key).decrypt(raw[:_NONCE], raw[_NONCE:], _bound(purpose))
        except (InvalidTag, binascii.Error, ValueError):
            raise WrapBroken("It was changed, or wrapped for something else.") from None

    def rewrapped(self, text: str, purpose: str) -> str:
        """``text`` under the current key, or as it is when that wraps it already; raises WrapBroken."""
        return text if key_id_of(text) == self.current else self.wrap(self.unwrap(text, purpose), purpose)

    def name_of(self, digest: str) -> str:
        """64 hex digits that only a holder of the ring can tell from a content's digest (HMAC-SHA256)."""
        return _named(self.naming, digest)

    def names_of(self, digest: str) -> list[str]:
        """The name of now, and those that the content had before."""
        return [_named(key, digest) for key in (self.naming, *self.former)]


def _named(key: bytes, digest: str) -> str:
    return hmac.digest(key, digest.encode("ascii"), sha256).hex()


def key_id_of(wrapped: str) -> str:
    """The id of the key that opens the text; empty where it names none."""
    return wrapped.split(".")[1] if wrapped.count(".") > 1 else ""


def _bound(purpose: str) -> bytes:
    return f"tpi:{purpose}".encode()


@dataclass(frozen=True)
class Fresh:
    """New random keys, made before the ring is changed: one that wraps, with its id, and one that names."""

    key_id: str = field(default_factory=lambda: secrets.token_hex(4))
    key: bytes = field(default_factory=lambda: secrets.token_bytes(KEY), repr=False)
    naming: bytes = field(default_factory=lambda: secrets.token_bytes(KEY), repr=False)


def first_ring(fresh: Fresh) -> KeyRing:
    """A ring with one key."""
    return KeyRing(fresh.key_id, {fresh.key_id: fresh.key}, {fresh.key_id: datetime.now(UTC)}, fresh.naming)


def with_new_key(ring: KeyRing, fresh: Fresh | None = None) -> KeyRing:
    """The ring with one more key, which is current; objects keep their names."""
    fresh = fresh or Fresh()
    keys = {**ring.keys, fresh.key_id: fresh.key}
    return replace(ring, current=fresh.key_id, keys=keys, created={**ring.created, fresh.key_id: datetime.now(UTC)})


def with_coming_key(ring: KeyRing, fresh: Fresh | None = None) -> KeyRing:
    """The ring with one more key, which wraps nothing yet."""
    after = with_new_key(ring, fresh)
    return replace(after, current=ring.current, coming=after.current)


def with_coming_current(ring: KeyRing) -> KeyRing:
    """The ring whose coming key is current."""
    return replace(ring, current=ring.coming, coming="")


def without_key(ring: KeyRing, key_id: str) -> KeyRing:
    """The ring without a key that is not current; objects keep their names."""
    return replace(
        ring,
        keys=_without(ring.keys, key_id),
        created=_without(ring.created, key_id),
        given_up=_without(ring.given_up, key_id),
        coming="" if ring.coming == key_id else ring.coming,
    )


def _without(values: Mapping[str, V], key_id: str) -> dict[str, V]:
    return {name: value for name, value in values.items() if name != key_id}


def given_up(ring: KeyRing, key_id: str, fresh: Fresh | None = None) -> KeyRing:
    """The ring after others have come to know a key: it wraps nothing new, and what is sealed from now on has new names."""
    fresh = fresh or Fresh()
    after = with_new_key(ring, fresh) if key_id == ring.current else ring
    return replace(
        after,
        naming=fresh.naming,
        former=(ring.naming, *ring.former),
        given_up={**ring.given_up, key_id: datetime.now(UTC)},
    )
