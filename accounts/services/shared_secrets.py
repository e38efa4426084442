"""Whether this node has the secrets of the installation.

A node with another pepper would know nobody's tokens, one with another secret key would throw the others' jobs away, and one
with another key ring could not open what they have sealed.  So each secret's fingerprint stands in the database, and a node
whose own is another does not start.

Who reads the database may try guesses against a fingerprint.  What people may have chosen is therefore digested by scrypt
(RFC 7914) with a salt of its own, so that each guess costs 64 MiB and a part of a second; that still does not save a word
from a list, so these are to be random.  Keys of the ring are 32 random bytes, which nobody guesses, and a digest keyed with
them tells nothing of them.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache

from django.conf import settings
from django.db import DatabaseError, transaction

from accounts.domain.actors import Actor
from accounts.models import SharedSecret
from accounts.permissions import require_administrator
from accounts.services import audit, audit_keys
from accounts.services.keys import installation
from accounts.services.keys.installation import CURRENT, NAMING
from accounts.services.keys.ring import users_of
from tpi_site.kit import locking
from tpi_site.kit.errors import Conflict, NotFound, Unavailable
from tpi_site.kit.key_ring import KeyRing, KeyRingBroken, KeySourceAway, key_ring

_RING = "TPI_KEYRING "
_KEY = f"{_RING}key "
_SALT = 16  # bytes; as many of the digest follow
_COST = {"n": 2**16, "r": 8, "p": 1, "maxmem": 96 * 2**20, "dklen": 16}


def require_no_ring_yet() -> None:
    """Refuse to make a key ring where the installation had one: what it sealed would never open again."""
    try:
        with transaction.atomic():
            had_one = SharedSecret.objects.filter(name__startswith=_RING).exists()
    except DatabaseError:  # there are no tables yet
        return
    if had_one:
        raise KeyRingBroken(
            "The key ring of this installation is missing where TPI_KEYRING says, and none is made in its place: put it back "
            "from its copy, or from another node, or mount its volume."
        )


def _ours() -> dict[str, bytes]:
    """The secrets of this node by the settings that give them."""
    ring = _ring()
    found = {"TPI_SECRET_KEY": settings.SECRET_KEY.encode(), "TPI_TOKEN_PEPPER": settings.TPI_TOKEN_PEPPER.encode()}
    if ring is not None:
        found |= {NAMING: ring.naming, **{f"{_KEY}{key_id}": key for key_id, key in ring.keys.items()}}
    with suppress(Unavailable):  # which is told where somebody needs the key
        found["TPI_AUDIT_KEY"] = audit_keys.signing_key().private_bytes_raw()
    return {name: secret for name, secret in found.items() if secret}


def _ring() -> KeyRing | None:
    """None while what wraps its keys is away: a node starts without, and serves nothing sealed until it is back."""
    try:
        return key_ring()
    except KeySourceAway:
        return None


def fingerprint(name: str, secret: bytes) -> str:
    """64 hex digits by which the secret is known again."""
    is_of_ring = name.startswith(_RING)
    return installation.fingerprint(name, secret) if is_of_ring else _salted(name, secret, secrets.token_bytes(_SALT))


def is_of(found: str, name: str, secret: bytes) -> bool:
    """Whether the fingerprint is that of the secret."""
    return hmac.compare_digest(found, _now(found, name, secret)) or is_of_before(found, name, secret)


def is_of_before(found: str, name: str, secret: bytes) -> bool:
    """Whether it is, as fingerprints were made before they were hard to guess at; :func:`agree` makes such a one anew."""
    return not name.startswith(_RING) and hmac.compare_digest(found, installation.fingerprint(name, secret))


def _now(found: str, name: str, secret: bytes) -> str:
    if name.startswith(_RING):
        return installation.fingerprint(name, secret)
    return _salted(name, secret, bytes.fromhex(found[: 2 * _SALT]))


@lru_cache(maxsize=16)
def _salted(name: str, secret: bytes, salt: bytes) -> str:
    """Salt and digest; once in a process, as it is meant to take long."""
    return (salt + hashlib.scrypt(f"tpi:fingerprint:{name}:".encode() + secret, salt=salt, **_COST)).hex()


def require_same() -> None:
    """Refuse a node one of whose secrets is not that of the installation."""
    known = dict(SharedSecret.objects.values_list("name", "fingerprint"))
    ours, ring = _ours(), _ring()
    former = _formerly(ring)
    for name, found in known.items():
        if name == NAMING and found in former:
            continue
        if name in ours and not is_of(found, name, ours[name]):
            raise Conflict(
                f"This node's {name.partition(' ')[0]} is not that of the installation ({name}); give it the same value as "
                f"the other nodes have, or run 'manage.py accept_secret \"{name}\"' if it was changed on purpose.",
                code="secrets-differ",
            )
        key_id = found if name == CURRENT else name.removeprefix(_KEY) if name.startswith(_KEY) else ""
        if ring is not None and key_id and key_id not in ring.keys and (used := users_of(key_id)):
            counts = ", ".join(f"{number} {words}" for words, number in used.items())
            raise Conflict(
                f"This node's TPI_KEYRING lacks the key '{key_id}', which wraps {counts}; give it the ring "
                "that the other nodes have.",
                code="secrets-differ",
            )


def _formerly(ring: KeyRing | None) -> set[str]:
    """The fingerprints that the key which names objects had, before one was given up."""
    return {installation.fingerprint(NAMING, key) for key in ring.former} if ring else set()


def agree() -> None:
    """As :func:`require_same`; then the installation knows the node's secrets, and no key that is out of use and gone."""
    with transaction.atomic():
        locking.hold("shared-secrets")
        require_same()
        ours = _ours()
        known = dict(SharedSecret.objects.values_list("name", "fingerprint"))
        _write(known, ours)
        gone = [name for name in known.keys() - ours.keys() if name.startswith(_KEY) and _ring() is not None]
        SharedSecret.objects.filter(name__in=gone).delete()
        if (ring := _ring()) is not None:
            _agree_on_current(ring)


def _agree_on_current(ring: KeyRing) -> None:
    known = SharedSecret.objects.filter(name=CURRENT).values_list("fingerprint", flat=True).first()
    if known not in ring.keys and (known is None or not users_of(known)):  # gone, and out of use
        installation.note(ring)
    installation.note_if_newer(ring)


def _write(known: Mapping[str, str], ours: Mapping[str, bytes]) -> None:
    missing = [
        SharedSecret(name=name, fingerprint=fingerprint(name, ours[name])) for name in ours.keys() - known.keys()
    ]
    SharedSecret.objects.bulk_create(missing)
    for name in ours.keys() & known.keys():
        if is_of_before(known[name], name, ours[name]):
            SharedSecret.objects.filter(name=name).update(fingerprint=fingerprint(name, ours[name]))


def accept(*, actor: Actor, name: str) -> None:
    """Take this node's secret for the installation's from now on: it was changed on purpose."""
    require_administrator(actor, "change what all nodes must have alike")
    ours = _ours()
    if name not in ours:
        raise NotFound(f"There is no secret named '{name[:100]}'; there are: {', '.join(ours)}.", code="secret-unknown")
    with transaction.atomic():
        locking.hold("shared-secrets")
        SharedSecret.objects.update_or_create(name=name, defaults={"fingerprint": fingerprint(name, ours[name])})
        audit.record(actor=actor, action="secret.accept", object_type="secret", object_name=name)
