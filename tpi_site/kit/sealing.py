"""Secrets that the product must be able to read again, sealed before they are written to a row.

AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce under a key of the key ring.  What a secret is for is bound in
as associated data, so that a sealed text copied into another row opens nothing there.  The ring is a JSON file
``{"current": <key id>, "keys": {<key id>: <base64 of 32 bytes>}}``: new secrets are sealed with the current key, old ones
open with the key whose id they name.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import secrets
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from tpi_site.kit.errors import Unavailable

_VERSION = "s1"
_NONCE = 12  # bytes
_KEY = 32  # bytes


class KeyRingBroken(Exception):
    """The key ring cannot be read; the sentence says what is wrong and names no key."""


@dataclass(frozen=True)
class KeyRing:
    """Keys by their ids, and the id of the one that seals."""

    current: str
    keys: dict[str, bytes]

    def __repr__(self) -> str:
        """Keep the keys out of tracebacks and logs."""
        return f"KeyRing(current={self.current!r})"


def seal(secret: str, purpose: str) -> str:
    """``secret`` sealed for ``purpose``, as printable text that names the key; empty stays empty."""
    if not secret:
        return ""
    ring = key_ring()
    nonce = secrets.token_bytes(_NONCE)
    sealed = nonce + AESGCM(ring.keys[ring.current]).encrypt(nonce, secret.encode(), _bound(purpose))
    return f"{_VERSION}.{ring.current}.{base64.urlsafe_b64encode(sealed).decode()}"


def unseal(sealed: str, purpose: str) -> str:
    """The secret; refuses what was sealed for something else, changed, or sealed with a key that is not in the ring."""
    if not sealed:
        return ""
    version, _, rest = sealed.partition(".")
    key_id, _, text = rest.partition(".")
    key = key_ring().keys.get(key_id)
    if version != _VERSION or key is None:
        raise _unreadable()
    try:
        raw = base64.urlsafe_b64decode(text)
        return AESGCM(key).decrypt(raw[:_NONCE], raw[_NONCE:], _bound(purpose)).decode()
    except (InvalidTag, binascii.Error, ValueError):
        raise _unreadable() from None


def _bound(purpose: str) -> bytes:
    return f"tpi:{purpose}".encode()


def _unreadable() -> Unavailable:
    return Unavailable(
        "A stored secret cannot be opened with this key ring; restore the key ring that it was sealed with, or enter the "
        "secret anew.",
        code="secret-sealed",
    )


def key_ring() -> KeyRing:
    """The key ring that ``TPI_KEYRING`` names; made (mode 0600) when a file of the installation's own is not there yet."""
    scheme, _, place = settings.TPI_KEYRING.partition(":")
    if scheme == "env":
        return _parsed(os.environ.get(place, ""))
    return _from_file(Path(place))


@lru_cache(maxsize=4)
def _from_file(path: Path) -> KeyRing:
    try:
        text = path.read_text(encoding="ascii")
    except FileNotFoundError:
        text = _make(path)
    except (OSError, UnicodeDecodeError) as error:
        raise KeyRingBroken(f"The key ring {path} cannot be read: {error}.") from None
    return _parsed(text)


@lru_cache(maxsize=4)
def _parsed(text: str) -> KeyRing:
    try:
        found = json.loads(text)
        keys = {str(name): base64.b64decode(key, validate=True) for name, key in found["keys"].items()}
        ring = KeyRing(str(found["current"]), keys)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise KeyRingBroken("The key ring is not JSON with 'current' and 'keys'.") from None
    if ring.current not in keys or any(len(key) != _KEY for key in keys.values()):
        raise KeyRingBroken("The key ring's current key is missing, or a key has not 32 bytes.")
    return ring


def _make(path: Path) -> str:
    """Write a new ring so that of two first starts at once both read the same one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    candidate = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    key_id = secrets.token_hex(4)
    ring = {"current": key_id, "keys": {key_id: base64.b64encode(secrets.token_bytes(_KEY)).decode()}}
    descriptor = os.open(candidate, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, json.dumps(ring).encode("ascii"))
        os.fsync(descriptor)
        os.link(candidate, path)
    except FileExistsError:
        pass
    finally:
        os.close(descriptor)
        candidate.unlink()
    return path.read_text(encoding="ascii")
