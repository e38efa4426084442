"""Secrets that the product must be able to read again, sealed with the key ring before they are written to a row."""

from __future__ import annotations

from django.db import connection

from tpi_site.kit import locking
from tpi_site.kit.errors import Unavailable
from tpi_site.kit.key_ring import LOCK, KeyRing, KeyRingBroken, KeySourceAway, WrapBroken, key_ring

SECRET_SEALED = "secret-sealed"  # noqa: S105  a code
"""The code of the refusal of a text that does not open."""


def seal(secret: str, purpose: str) -> str:
    """``secret`` sealed for ``purpose``, as printable text that names the key; empty stays empty.

    Call it inside the transaction that writes it: no key is removed until that has ended.
    """
    if not secret:
        return ""
    if connection.in_atomic_block:
        locking.hold_shared(LOCK)
    return key_ring().wrap(secret.encode(), purpose)


def resealed(sealed: str, purpose: str) -> str:
    """What was sealed before the transaction that is to write it, sealed with what is current now."""
    return seal(unseal(sealed, purpose), purpose)


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
            code=SECRET_SEALED,
        ) from None


__all__ = ["KeyRing", "KeyRingBroken", "KeySourceAway", "key_ring", "resealed", "seal", "unseal"]
