"""The ring as it is written down: JSON, with the keys in clear (base64) or wrapped by a source.

``{"current": <key id>, "keys": {<key id>: <key>}}``, perhaps with ``created`` and ``given_up`` (key id to ISO 8601),
``naming`` and ``former`` (keys that name objects), ``coming`` (the id of a key that is to be current), and ``source``, the
kind of source that wrapped all these keys.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from tpi_site.kit.keys.ring import KEY, Fresh, KeyRing
from tpi_site.kit.keys.sources import PLAIN, KeyRingBroken, KeySource

_NAMING = "naming"


def as_json(ring: KeyRing, source: KeySource = PLAIN) -> str:
    """The ring with its keys as the source wraps them; a plain one holds the keys themselves."""
    found: dict[str, Any] = {
        "current": ring.current,
        "keys": {key_id: source.wrap(key, purpose(key_id)) for key_id, key in ring.keys.items()},
        "created": {key_id: moment.isoformat(timespec="seconds") for key_id, moment in ring.created.items()},
        "naming": source.wrap(ring.naming, _NAMING),
        "former": [source.wrap(key, _NAMING) for key in ring.former],
        "given_up": {key_id: moment.isoformat(timespec="seconds") for key_id, moment in ring.given_up.items()},
    }
    if ring.coming:
        found["coming"] = ring.coming
    return json.dumps(found if source is PLAIN else {"source": source.kind, **found})


def wrapped_beforehand(fresh: Fresh, source: KeySource) -> Fresh:
    """``fresh``, which a source that remembers has wrapped now."""
    if source.is_outside:
        source.wrap(fresh.key, purpose(fresh.key_id))
        source.wrap(fresh.naming, _NAMING)
    return fresh


def purpose(key_id: str) -> str:
    """What a key of the ring is wrapped for: it opens under no other id."""
    return f"key:{key_id}"


def parsed(text: str, source: KeySource = PLAIN) -> KeyRing:
    """The ring that was written down; raises KeyRingBroken, and KeySourceAway where the source must be asked and is away."""
    try:
        found = json.loads(text)
        if (wrapped_by := found.get("source", PLAIN.kind)) != source.kind:
            raise KeyRingBroken(f"The keys of the ring are wrapped by '{wrapped_by}', and TPI_KEYRING names another.")
        ring = _opened(found, source)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise KeyRingBroken("The key ring is not JSON with 'current' and 'keys'.") from None
    if ring.current not in ring.keys or any(
        len(key) != KEY for key in (ring.naming, *ring.former, *ring.keys.values())
    ):
        raise KeyRingBroken("The key ring's current key is missing, or a key has not 32 bytes.")
    return ring


def _opened(found: Mapping[str, Any], source: KeySource) -> KeyRing:
    keys = {str(key_id): source.unwrap(key, purpose(key_id)) for key_id, key in found["keys"].items()}
    naming = source.unwrap(found["naming"], _NAMING) if found.get("naming") else _naming_of(keys)
    former = tuple(source.unwrap(key, _NAMING) for key in found.get("former", ()))
    created, given_up = _moments(found.get("created", {})), _moments(found.get("given_up", {}))
    coming = str(found.get("coming", ""))
    coming = coming if coming in keys and coming != found["current"] else ""
    return KeyRing(str(found["current"]), keys, created, naming, former, given_up, coming)


def _moments(found: Mapping[str, str]) -> dict[str, datetime]:
    return {str(name): datetime.fromisoformat(moment) for name, moment in found.items()}


def _naming_of(keys: Mapping[str, bytes]) -> bytes:
    """The naming key of a ring that was made before rings had one, or that names none."""
    return hmac.digest(next(iter(keys.values()), b""), b"tpi naming", sha256)


def key_ids(text: str) -> set[str]:
    """The ids of the keys, without opening any; raises KeyRingBroken."""
    try:
        return set(json.loads(text)["keys"])
    except (ValueError, KeyError, TypeError):
        raise KeyRingBroken("The key ring is not JSON with 'current' and 'keys'.") from None


def wrapped_current(text: str) -> tuple[str, str]:
    """The current key as it stands in the ring, and what it is wrapped for."""
    found = json.loads(text)
    return str(found["keys"][found["current"]]), purpose(found["current"])
