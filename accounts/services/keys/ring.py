"""Changing the key ring itself.

Whoever writes a wrapped text holds the lock of the ring with others until they commit, and whoever changes the ring holds it
alone: no text under a key that is being removed can appear after the texts were counted.
"""

from __future__ import annotations

import time
from typing import Any

from django.db import transaction

from accounts.domain.actors import Actor
from accounts.services import audit, nodes
from accounts.services.keys import contents, installation, sealed_columns
from accounts.services.keys.rights import require_administrator
from tpi_site.kit import key_ring as rings
from tpi_site.kit import locking
from tpi_site.kit.errors import Conflict, NotFound

_PAUSE = 1.0
"""Seconds between two looks at what nodes have told."""


def add_key(*, actor: Actor, patience: float = 0.0) -> str:
    """Put a new key into the ring's file and make it the current one; returns its id.

    Where other nodes serve, the key is only known at first, and current when all of them have told that they have it: what
    it wraps would else be lost to them.  They are waited for, for so many seconds, and then it is refused with their names;
    the next call goes on with the same key.
    """
    require_administrator(actor)
    require_file("Set the ring that 'manage.py rotate_keys' prints instead")
    if not rings.key_ring().coming and nodes.others():
        _announce_key(actor)
    if coming := rings.key_ring().coming:
        require_everywhere(coming, patience)
    fresh = rings.fresh_keys()
    with transaction.atomic():
        locking.hold(rings.LOCK)
        before = rings.key_ring()
        ring = rings.with_coming_current(before) if before.coming else rings.with_new_key(before, fresh)
        _note(actor, "keys.add", ring.current, before=before.current, after=ring.current)
        installation.note(ring)
        rings.replace_file(ring)  # last: a new key without its audit entry must not be
    return ring.current


def _announce_key(actor: Actor) -> None:
    fresh = rings.fresh_keys()
    with transaction.atomic():
        locking.hold(rings.LOCK)
        before = rings.key_ring()
        if before.coming:
            return
        ring = rings.with_coming_key(before, fresh)
        _note(actor, "keys.announce", ring.coming, before=before.current)
        rings.replace_file(ring)


def require_everywhere(key_id: str, patience: float = 0.0) -> None:
    """Refuse for as long as a node that serves has not told that it has the key; it tells every ten seconds."""
    until = time.monotonic() + patience
    while behind := nodes.without_key(key_id):
        if time.monotonic() >= until:
            raise Conflict(
                f"The new key '{key_id}' is in this node's key ring, and not current yet: {', '.join(behind)} did not tell "
                "that they have it. Copy the key ring to every node that does not share its file, wait ten seconds, and "
                "rotate again.",
                code="key-ring-behind",
            )
        time.sleep(_PAUSE)


def remove_key(*, actor: Actor, key_id: str, patience: float = 0.0) -> None:
    """Take a key out of the ring's file; refused while it is current, here or on a node, or anything is wrapped with it.

    Nodes whose current key it was are waited for, for so many seconds.
    """
    require_administrator(actor)
    require_file("Leave the key out of the variable instead")
    require_renewed(rings.key_ring(), key_id)
    require_unused(rings.key_ring(), key_id)
    _require_left(key_id, patience)
    with transaction.atomic():
        locking.hold(rings.LOCK)
        ring = rings.key_ring()
        require_unused(ring, key_id)
        _note(actor, "keys.remove", key_id)
        rings.replace_file(rings.without_key(ring, key_id))


def _require_left(key_id: str, patience: float) -> None:
    until = time.monotonic() + patience
    while wrapping := nodes.wrapping_with(key_id):
        if time.monotonic() >= until:
            raise Conflict(
                f"The key '{key_id}' is still the current one of {', '.join(wrapping)}; give them the key ring of now first.",
                code="key-in-use",
            )
        time.sleep(_PAUSE)


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
