"""The Ed25519 key that signs checkpoints of the audit chain, and what else this installation states."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from accounts.domain.checkpoints import PublicKey, origin_of, signed_note
from tpi_site.kit.errors import Unavailable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def signing_key() -> Ed25519PrivateKey:
    """The key that ``TPI_AUDIT_KEY`` holds, else that of ``$TPI_DATA_DIR/audit-key``, made (mode 0600) at the first start."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key((settings.TPI_AUDIT_KEY or _kept()).encode(), password=None)
    except (OSError, ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise Unavailable(
            "The key that signs audit checkpoints cannot be read; TPI_AUDIT_KEY must be an Ed25519 private key as PEM.",
            code="audit-key-broken",
        )
    return key


def as_pem() -> str:
    """The private key itself, for a process of the installation's own that has another data folder."""
    return settings.TPI_AUDIT_KEY or _kept()


def prepare() -> None:
    """Make the key now where none was given: what is backed up after the first start should hold it."""
    if not settings.TPI_AUDIT_KEY:
        _kept()


def public_key() -> PublicKey:
    """The key by which others verify what :func:`signing_key` signs."""
    raw = signing_key().public_key().public_bytes_raw()
    return PublicKey(origin_of(raw), raw)


def signed(text: str) -> str:
    """Lines of text, each with its end and none empty, as a signed note; their first line says what they state."""
    return signed_note(text, public_key(), signing_key().sign(text.encode()))


def _kept() -> str:
    path = Path(settings.TPI_DATA_DIR) / "audit-key"
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        return _make(path)


def _make(path: Path) -> str:
    """Write a new key so that of two first uses at once both read the same one."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    candidate = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(candidate, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, pem)
        os.fsync(descriptor)
        os.link(candidate, path)
    except FileExistsError:
        pass
    finally:
        os.close(descriptor)
        candidate.unlink()
    return path.read_text(encoding="ascii")
