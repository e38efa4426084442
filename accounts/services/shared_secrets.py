"""Whether this node has the secrets of the installation.

A node with another pepper would know nobody's tokens, one with another secret key would throw the others' jobs away, and one
with another key ring could not open what they have sealed.  So each secret's fingerprint stands in the database, and a node
whose own is another does not start.  A fingerprint is a digest keyed with the secret itself, which tells nothing of it.
"""

from __future__ import annotations

import hmac
from contextlib import suppress

from django.conf import settings
from django.db import transaction

from accounts.domain.actors import Actor
from accounts.models import SharedSecret
from accounts.permissions import require_administrator
from accounts.services import audit, audit_keys
from accounts.services.keys import installation
from accounts.services.keys.installation import CURRENT, NAMING
from accounts.services.keys.installation import fingerprint as _fingerprint
from accounts.services.keys.ring import users_of
from tpi_site.kit import locking
from tpi_site.kit.errors import Conflict, NotFound, Unavailable
from tpi_site.kit.key_ring import KeyRing, KeySourceAway, key_ring

_KEY = "TPI_KEYRING key "


def _ours() -> dict[str, str]:
    """The fingerprints of this node's secrets by the settings that give them."""
    ring = _ring()
    found = {"TPI_SECRET_KEY": settings.SECRET_KEY.encode(), "TPI_TOKEN_PEPPER": settings.TPI_TOKEN_PEPPER.encode()}
    if ring is not None:
        found |= {NAMING: ring.naming, **{f"{_KEY}{key_id}": key for key_id, key in ring.keys.items()}}
    with suppress(Unavailable):  # which is told where somebody needs the key
        found["TPI_AUDIT_KEY"] = audit_keys.signing_key().private_bytes_raw()
    return {name: _fingerprint(name, secret) for name, secret in found.items() if secret}


def _ring() -> KeyRing | None:
    """None while what wraps its keys is away: a node starts without, and serves nothing sealed until it is back."""
    try:
        return key_ring()
    except KeySourceAway:
        return None


def require_same() -> None:
    """Refuse a node one of whose secrets is not that of the installation."""
    known = dict(SharedSecret.objects.values_list("name", "fingerprint"))
    ours, ring = _ours(), _ring()
    former = _formerly(ring)
    for name, fingerprint in known.items():
        if name == NAMING and fingerprint in former:
            continue
        if name in ours and not hmac.compare_digest(ours[name], fingerprint):
            raise Conflict(
                f"This node's {name.partition(' ')[0]} is not that of the installation ({name}); give it the same value as "
                f"the other nodes have, or run 'manage.py accept_secret \"{name}\"' if it was changed on purpose.",
                code="secrets-differ",
            )
        key_id = fingerprint if name == CURRENT else name.removeprefix(_KEY) if name.startswith(_KEY) else ""
        if ring is not None and key_id and key_id not in ring.keys and (used := users_of(key_id)):
            counts = ", ".join(f"{number} {words}" for words, number in used.items())
            raise Conflict(
                f"This node's TPI_KEYRING lacks the key '{key_id}', which wraps {counts}; give it the ring "
                "that the other nodes have.",
                code="secrets-differ",
            )


def _formerly(ring: KeyRing | None) -> set[str]:
    """The fingerprints that the key which names objects had, before one was given up."""
    return {_fingerprint(NAMING, key) for key in ring.former} if ring else set()


def agree() -> None:
    """As :func:`require_same`; then the installation knows the node's secrets, and no key that is out of use and gone."""
    with transaction.atomic():
        locking.hold("shared-secrets")
        require_same()
        ours = _ours()
        known = set(SharedSecret.objects.values_list("name", flat=True))
        SharedSecret.objects.bulk_create(
            [SharedSecret(name=name, fingerprint=ours[name]) for name in ours.keys() - known]
        )
        gone = [name for name in known - ours.keys() if name.startswith(_KEY) and _ring() is not None]
        SharedSecret.objects.filter(name__in=gone).delete()
        if (ring := _ring()) is not None:
            _agree_on_current(ring)


def _agree_on_current(ring: KeyRing) -> None:
    known = SharedSecret.objects.filter(name=CURRENT).values_list("fingerprint", flat=True).first()
    if known not in ring.keys and (known is None or not users_of(known)):  # gone, and out of use
        installation.note(ring)
    installation.note_if_newer(ring)


def accept(*, actor: Actor, name: str) -> None:
    """Take this node's secret for the installation's from now on: it was changed on purpose."""
    require_administrator(actor, "change what all nodes must have alike")
    ours = _ours()
    if name not in ours:
        raise NotFound(f"There is no secret named '{name[:100]}'; there are: {', '.join(ours)}.", code="secret-unknown")
    with transaction.atomic():
        locking.hold("shared-secrets")
        SharedSecret.objects.update_or_create(name=name, defaults={"fingerprint": ours[name]})
        audit.record(actor=actor, action="secret.accept", object_type="secret", object_name=name)
