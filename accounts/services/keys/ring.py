"""Changing the key ring itself.

Whoever writes a wrapped text holds the lock of the ring with others until they commit, and whoever changes the ring holds it
alone: no text under a key that is being removed can appear after the texts were counted.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction

from accounts.domain.actors import Actor
from accounts.services import audit
from accounts.services.keys import contents, sealed_columns
from accounts.services.keys.rights import require_administrator
from tpi_site.kit import key_ring as rings
from tpi_site.kit import locking
from tpi_site.kit.errors import Conflict, NotFound


def add_key(*, actor: Actor) -> str:
    """Put a new key into the ring's file and make it the current one; returns its id."""
    require_administrator(actor)
    require_file("Set the ring that 'manage.py rotate_keys' prints instead")
    fresh = rings.fresh_keys()
    with transaction.atomic():
        locking.hold(rings.LOCK)
        before = rings.key_ring()
        ring = rings.with_new_key(before, fresh)
        _note(actor, "keys.add", ring.current, before=before.current, after=ring.current)
        rings.replace_file(ring)  # last: a new key without its audit entry must not be
    return ring.current


def remove_key(*, actor: Actor, key_id: str) -> None:
    """Take a key out of the ring's file; refused while it is current or anything is wrapped with it."""
    require_administrator(actor)
    require_file("Leave the key out of the variable instead")
    require_renewed(rings.key_ring(), key_id)
    with transaction.atomic():
        locking.hold(rings.LOCK)
        ring = rings.key_ring()
        require_unused(ring, key_id)
        _note(actor, "keys.remove", key_id)
        rings.replace_file(rings.without_key(ring, key_id))


def require_unused(ring: rings.KeyRing, key_id: str) -> None:
    """Refuse a key that the ring has not, the current one, and one that still wraps something."""
    if key_id not in ring.keys:
        raise NotFound(f"The key ring has no key '{key_id[:40]}'; it has: {', '.join(ring.keys)}.", code="key-unknown")
    if key_id == ring.current:
        raise Conflict(f"The key '{key_id}' is the current one; rotate first.", code="key-current")
    if users := users_of(key_id):
        counts = ", ".join(f"{number} {words}" for words, number in users.items())
        raise Conflict(
            f"The key '{key_id}' still wraps {counts}; run 'manage.py rotate_keys' first.", code="key-in-use"
        )


def require_renewed(ring: rings.KeyRing, key_id: str) -> None:
    """Refuse a key that was given up while contents that it may have wrapped are not sealed anew."""
    if key_id in ring.given_up and (left := sum(renewal.waiting() for renewal in contents.renewals())):
        raise Conflict(
            f"The key '{key_id}' was given up, and {left} contents are not sealed anew; run "
            f"'manage.py rotate_keys --reencrypt {key_id}' first.",
            code="key-in-use",
        )


def users_of(key_id: str) -> dict[str, int]:
    """How many texts of what kind the key wraps."""
    found = {column.words: column.by_key().get(key_id, 0) for column in sealed_columns.columns()}
    return {words: number for words, number in found.items() if number}


def require_file(instead: str) -> None:
    """Refuse to change a ring that the product cannot write."""
    if not rings.is_file():
        raise Conflict(
            f"The key ring is in a variable, which TPI cannot write. {instead}.", code="key-ring-not-writable"
        )


def _note(actor: Actor, action: str, key_id: str, **detail: Any) -> None:
    audit.record(actor=actor, action=action, object_type="keyring", object_name=key_id, **detail)
