"""What is done when others may know a key of the ring.

Wrapping anew does not help: who has the key may have kept the data keys that it wrapped, which also stand in the heads of
the objects and in old backups of the database.  So everything that was sealed before is sealed anew, in new objects with
new names, whichever key wrapped it last; the ring remembers that the key was given up, and that is how a run which was
killed is found unfinished.
"""

from __future__ import annotations

from django.conf import settings
from django.db import transaction

from accounts.domain.actors import Actor
from accounts.services import audit, nodes
from accounts.services.keys import contents, installation
from accounts.services.keys.contents import Progress, Report
from accounts.services.keys.rights import require_administrator
from accounts.services.keys.ring import require_file
from tpi_site.kit import key_ring as rings
from tpi_site.kit import locking
from tpi_site.kit.errors import Conflict, NotFound


def give_up(*, actor: Actor, key_id: str) -> bool:
    """Note in the ring that others may know the key, which wraps nothing new from now on; whether that is new."""
    require_administrator(actor)
    require_known(rings.key_ring(), key_id)
    if key_id in rings.key_ring().given_up:
        return False
    require_file("Set the ring that 'manage.py rotate_keys --reencrypt' prints instead")
    if key_id == rings.key_ring().current and nodes.others():
        raise Conflict(
            f"The key '{key_id}' is the current one, and other nodes serve; run 'manage.py rotate_keys' first.",
            code="key-current",
        )
    fresh = rings.fresh_keys()
    with transaction.atomic():
        locking.hold(rings.LOCK)
        ring = rings.key_ring()
        require_known(ring, key_id)
        if key_id in ring.given_up:
            return False
        after = rings.given_up(ring, key_id, fresh)
        audit.record(
            actor=actor,
            action="keys.give-up",
            object_type="keyring",
            object_name=key_id,
            before=ring.current,
            after=after.current,
        )
        installation.note(after)
        rings.replace_file(after)
    return True


def require_known(ring: rings.KeyRing, key_id: str) -> None:
    """Refuse a key that the ring has not, and an installation that seals nothing."""
    if key_id not in ring.keys:
        raise NotFound(f"The key ring has no key '{key_id[:40]}'; it has: {', '.join(ring.keys)}.", code="key-unknown")
    if not settings.TPI_ENCRYPT:
        raise Conflict("TPI_ENCRYPT is off: what is sealed anew would lie plain. Turn it on first.", code="encrypt-off")


def reencrypt(*, actor: Actor, key_id: str, report: Report = lambda _progress: None) -> Progress:
    """Seal anew whatever was sealed before the key was given up, in steps of which each stays done."""
    require_administrator(actor)
    ring = rings.key_ring()
    require_known(ring, key_id)
    if key_id not in ring.given_up:
        raise Conflict(f"The key '{key_id}' was not given up.", code="key-not-given-up")
    total = Progress(0)
    for renewal in contents.renewals():
        total += renewal.renew(actor=actor, report=report)
    audit.record(
        actor=actor,
        action="keys.reencrypt",
        object_type="keyring",
        object_name=key_id,
        sealed=total.done,
        bytes=total.sealed_bytes,
        failed=total.failed,
    )
    return total
