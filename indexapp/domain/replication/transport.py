"""Secrets on their way from one key ring to another: sealed with a key that the replica's credential gives both sides.

TLS protects what is on the way from others; this keeps secrets out of whatever a proxy, a log or a trace may keep of an answer.
"""

from __future__ import annotations

import base64
import hmac
import os
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE = 12


class SecretBroken(ValueError):
    """What came is not what was sealed for this place with this credential."""


class Transport:
    """Seals, opens and marks texts for the holders of ``secret``."""

    def __init__(self, secret: str) -> None:
        self._cipher = AESGCM(_derived(secret, b"tpi replication: secrets of rows"))
        self._key = _derived(secret, b"tpi replication: marks of rows")

    def sealed(self, text: str, place: str) -> str:
        """``text`` sealed for a column of a row; empty stays empty."""
        if not text:
            return ""
        nonce = os.urandom(_NONCE)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, text.encode(), place.encode())).decode()

    def opened(self, sealed: str, place: str) -> str:
        """The text again; raises SecretBroken."""
        if not sealed:
            return ""
        try:
            raw = base64.b64decode(sealed, validate=True)
            return self._cipher.decrypt(raw[:_NONCE], raw[_NONCE:], place.encode()).decode()
        except (InvalidTag, ValueError):
            raise SecretBroken(place) from None

    def mark(self, text: str) -> str:
        """What tells whether two texts are the same, and nothing else of them."""
        return hmac.new(self._key, text.encode(), sha256).hexdigest() if text else ""


def _derived(secret: str, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=purpose).derive(secret.encode())


def fingerprint(pepper: str, secret: str) -> str:
    """By which both sides see that they have one pepper, and nobody else learns it."""
    return hmac.new(pepper.encode(), b"tpi replication: pepper\x1f" + secret.encode(), sha256).hexdigest()
