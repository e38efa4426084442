"""Secrets that the product must be able to read again, sealed with the key ring before they are written to a row."""

from __future__ import annotations

from tpi_site.kit.errors import Unavailable
from tpi_site.kit.key_ring import KeyRing, KeyRingBroken, WrapBroken, key_ring


def seal(secret: str, purpose: str) -> str:
    """``secret`` sealed for ``purpose``, as printable text that names the key; empty stays empty."""
    return key_ring().wrap(secret.encode(), purpose) if secret else ""


def unseal(sealed: str, purpose: str) -> str:
    """The secret; refuses what was sealed for something else, changed, or sealed with a key that is not in the ring."""
    if not sealed:
        return ""
    try:
        return key_ring().unwrap(sealed, purpose).decode()
    except WrapBroken:
        raise Unavailable(
            "A stored secret cannot be opened with this key ring; restore the key ring that it was sealed with, or enter "
            "the secret anew.",
            code="secret-sealed",
        ) from None


__all__ = ["KeyRing", "KeyRingBroken", "key_ring", "seal", "unseal"]
