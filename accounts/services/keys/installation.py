"""What the installation's key ring is, as the database knows it: a node whose own is older tells so and wraps nothing anew.

Two rows say it: the id of the current key, and a fingerprint of the key that names objects.  They are written when the ring
changes, and cost one small statement to compare.
"""

from __future__ import annotations

import hmac
from hashlib import sha256

from accounts.models import SharedSecret
from tpi_site.kit.errors import Conflict
from tpi_site.kit.key_ring import KeyRing, key_ring

CURRENT = "TPI_KEYRING current"
NAMING = "TPI_KEYRING naming"
_LENGTH = 64
"""Characters of an id that are kept."""


def fingerprint(name: str, secret: bytes) -> str:
    """A digest keyed with the secret, which tells nothing of it."""
    return hmac.digest(secret, f"tpi:fingerprint:{name}".encode(), sha256).hex()


def note(ring: KeyRing) -> None:
    """Let this ring be the installation's from now on; whoever has an older one is told."""
    for name, value in ((CURRENT, ring.current[:_LENGTH]), (NAMING, fingerprint(NAMING, ring.naming))):
        SharedSecret.objects.update_or_create(name=name, defaults={"fingerprint": value})


def note_if_newer(ring: KeyRing) -> None:
    """As :func:`note`, where the installation knows none, or one that this ring came from."""
    known = SharedSecret.objects.filter(name=CURRENT).values_list("fingerprint", flat=True).first()
    if known is None or (not _lacks(ring, known) and not _is_older(ring, known)):
        note(ring)


def shortfall() -> str:
    """What this node's ring lacks of the installation's, in a sentence; empty where it lacks nothing."""
    ring, known = key_ring(), dict(SharedSecret.objects.filter(name__in=(CURRENT, NAMING)).values_list())
    current = known.get(CURRENT, ring.current)
    if _lacks(ring, current):
        return f"This node's key ring lacks the current key '{current}'; give it the ring that the other nodes have."
    if NAMING in known and known[NAMING] not in {fingerprint(NAMING, key) for key in (ring.naming, *ring.former)}:
        return "This node's key ring is older than the installation's; give it the ring that the other nodes have."
    return ""


def require_newest(ring: KeyRing) -> None:
    """Refuse to wrap everything anew by a ring that is older than the installation's."""
    known = SharedSecret.objects.filter(name=CURRENT).values_list("fingerprint", flat=True).first()
    if known is not None and (_lacks(ring, known) or _is_older(ring, known)):
        raise Conflict(
            f"The installation's current key is '{known}', and this node's key ring is older; give it the ring of the node "
            "where the keys were rotated.",
            code="key-ring-behind",
        )


def _lacks(ring: KeyRing, current: str) -> bool:
    return current not in {key_id[:_LENGTH] for key_id in ring.keys}


def _is_older(ring: KeyRing, current: str) -> bool:
    """Whether the ring's current key was made before that of the installation."""
    ours, theirs = ring.created.get(ring.current), ring.created.get(current)
    return ours is not None and theirs is not None and ours < theirs
