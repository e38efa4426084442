"""The ring written down elsewhere, for instance with its keys wrapped by a service from now on."""

from __future__ import annotations

from django.db import transaction

from accounts.domain.actors import Actor
from accounts.services import audit
from accounts.services.keys.rights import require_administrator
from tpi_site.kit import key_ring as rings
from tpi_site.kit import locking
from tpi_site.kit.errors import Conflict
from tpi_site.kit.key_ring import as_json
from tpi_site.kit.keys.addresses import place_at


def copy_to(*, actor: Actor, address: str) -> None:
    """Write the ring of now to another place, whose source wraps its keys; the setting is changed by a person then."""
    require_administrator(actor)
    place = place_at(address)
    if not place.is_writable:
        raise Conflict("A variable cannot be written; give the address of a file.", code="key-ring-not-writable")
    if place.is_there():
        raise Conflict("There is a file already; name another one, which TPI will make.", code="key-ring-there")
    as_json(rings.key_ring(), place.source)  # the source is asked now, and not while the transaction waits
    with transaction.atomic():
        locking.hold(rings.LOCK)
        audit.record(actor=actor, action="keys.copy", object_type="keyring", object_name=address.partition("?")[0])
        place.write(rings.key_ring())
