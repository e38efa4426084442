"""Which keys and secrets a backup needs, told so that they can be recognised and not be learnt.

A key of the ring is 32 random bytes, so a plain digest tells nothing of it.  The other secrets may be somebody's words; their
digests are made with a key of the ring.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from accounts.services import audit_keys
from indexapp.domain.backup_manifest import Manifest
from tpi_site.kit.key_ring import KeyRing, key_ring

_SHOWN = 16


def fingerprint(key: bytes) -> str:
    """16 hex digits that tell a random key from others."""
    return hashlib.sha256(b"tpi key fingerprint" + key).hexdigest()[:_SHOWN]


def others(key: bytes) -> dict[str, str]:
    """Digests, under a key of the ring, of the secrets beside it, by their settings."""
    secrets = {
        "TPI_SECRET_KEY": settings.SECRET_KEY,
        "TPI_TOKEN_PEPPER": settings.TPI_TOKEN_PEPPER,
        "TPI_AUDIT_KEY": str(audit_keys.public_key()),
    }
    own = hmac.digest(key, b"tpi backup secrets", hashlib.sha256)
    return {name: hmac.new(own, value.encode(), hashlib.sha256).hexdigest()[:_SHOWN] for name, value in secrets.items()}


@dataclass(frozen=True, slots=True)
class Missing:
    """A key or secret that is not here, or another one: a stable code, which it is, and a sentence."""

    code: str
    subject: str
    sentence: str


def missing(manifest: Manifest, *, without_others: bool = False) -> list[Missing]:
    """What the backup needs and this installation has not; ``without_others`` asks of the ring alone."""
    if (path := absent_ring()) is not None:  # asked for, it would be made
        return [Missing("key-missing", "TPI_KEYRING", f"there is no key ring at {path}: bring the installation's")]
    ring = key_ring()
    wanted = [_of_ring(ring, key_id, digest) for key_id, digest in manifest.keys.items()]
    found = [each for each in wanted if each is not None]
    if not found and not without_others and manifest.mac_key in ring.keys:
        here = others(ring.keys[manifest.mac_key])
        found += [_other(name) for name, digest in manifest.others.items() if here.get(name) != digest]
    return found


def absent_ring() -> Path | None:
    """Where the ring must lie and does not; None where it is there, or no file."""
    scheme, _, place = settings.TPI_KEYRING.partition(":")
    path = Path(place.partition("?")[0])
    return path if scheme == "file" and not path.exists() else None


def _of_ring(ring: KeyRing, key_id: str, digest: str) -> Missing | None:
    key = ring.keys.get(key_id)
    if key is None:
        return Missing("key-missing", key_id, f"the key '{key_id}' (fingerprint {digest}) is not in the key ring")
    if fingerprint(key) != digest:
        sentence = f"the key '{key_id}' of the ring is another than the backup's, whose fingerprint is {digest}"
        return Missing("key-wrong", key_id, sentence)
    return None


def _other(name: str) -> Missing:
    return Missing("secret-wrong", name, f"{name} is another than the installation's that was backed up")
