"""What a backup says of itself: a JSON object of a fixed shape, with a code that only a holder of the key ring can make.

It holds no secret and no name of a person or a package: those are in the sealed parts that it names.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

FORMAT = 1
"""The shape that this release writes and reads."""
NAME = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}\Z")
LARGEST = 4 * 2**20
"""Bytes of a manifest; what is longer is none."""


class ManifestBroken(Exception):
    """It is no manifest of this shape; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Part:
    """A sealed part: its role, the object that holds it, plain size and SHA-256, the wrapped key, and how it is packed."""

    role: str
    object_name: str
    size: int
    sha256: str
    sealed_key: str
    packing: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """``keys`` are fingerprints of the ring's keys by id, ``others`` keyed digests of the other secrets by name.

    ``migrations`` are the applied ones by app, ``serial`` the last of the change log, ``damaged`` how many contents were lost
    already when the backup was made.
    """

    name: str
    made_at: datetime
    kind: str
    base: str
    product: str
    database: str
    database_version: int
    migrations: dict[str, list[str]]
    serial: int
    installation: str
    audit_checkpoint: str
    keys: dict[str, str]
    naming: str
    others: dict[str, str]
    contents: int
    content_bytes: int
    damaged: int
    parts: list[Part]
    mac_key: str
    format: int = FORMAT
    mac: str = field(default="", compare=False)

    def part(self, role: str) -> Part:
        """The part of this role; raises ManifestBroken."""
        for part in self.parts:
            if part.role == role:
                return part
        raise ManifestBroken(f"it has no part '{role}'")

    @property
    def stated(self) -> bytes:
        """What the code is made over: everything else, in one spelling."""
        return _text({name: value for name, value in self._values().items() if name != "mac"}).encode()

    def to_json(self) -> str:
        """As it is written down."""
        return _text(self._values()) + "\n"

    @property
    def sha256(self) -> str:
        """The digest of what is written down, in hex digits."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def _values(self) -> dict[str, Any]:
        return {**asdict(self), "made_at": self.made_at.isoformat()}


def code(manifest: Manifest, key: bytes) -> str:
    """The manifest's code under a key of the ring, from which one for this purpose alone is derived."""
    own = hmac.digest(key, b"tpi backup manifest", hashlib.sha256)
    return hmac.new(own, manifest.stated, hashlib.sha256).hexdigest()


def is_authentic(manifest: Manifest, key: bytes) -> bool:
    """Whether the code is right."""
    return hmac.compare_digest(code(manifest, key), manifest.mac)


def parsed(raw: bytes) -> Manifest:
    """The manifest; raises ManifestBroken for any other shape, and says when it is of a later release."""
    if len(raw) > LARGEST:
        raise ManifestBroken("it is too long")
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        raise ManifestBroken("it is not JSON") from None
    if not isinstance(found, dict):
        raise ManifestBroken("it is not an object")
    if isinstance(found.get("format"), int) and found["format"] > FORMAT:
        raise ManifestBroken(f"it has the format {found['format']}, which only a later release reads")
    return _manifest(found)


_SHAPE: Mapping[str, type] = {
    **dict.fromkeys(("name", "kind", "base", "product", "database", "installation", "audit_checkpoint"), str),
    **dict.fromkeys(("naming", "mac_key", "mac", "made_at"), str),
    **dict.fromkeys(("database_version", "serial", "contents", "content_bytes", "damaged", "format"), int),
    **dict.fromkeys(("migrations", "keys", "others"), dict),
    "parts": list,
}
_PART: Mapping[str, type] = {
    **dict.fromkeys(("role", "object_name", "sha256", "sealed_key", "packing"), str),
    "size": int,
}


def _manifest(found: dict[str, Any]) -> Manifest:
    _require_shape(found, _SHAPE)
    if found["format"] != FORMAT or not NAME.match(found["name"]):
        raise ManifestBroken("its format or name is none")
    for each in found["parts"]:
        _require_shape(each, _PART)
    for words in (found["keys"], found["others"]):
        if not all(isinstance(value, str) for value in words.values()):
            raise ManifestBroken("its keys are not texts")
    for names in found["migrations"].values():
        if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
            raise ManifestBroken("its migrations are not lists of names")
    try:
        made_at = datetime.fromisoformat(found["made_at"])
    except ValueError:
        raise ManifestBroken("its time is none") from None
    if made_at.tzinfo is None:
        raise ManifestBroken("its time has no zone")
    return Manifest(**{**found, "made_at": made_at, "parts": [Part(**each) for each in found["parts"]]})


def _require_shape(found: Any, shape: Mapping[str, type]) -> None:
    if not isinstance(found, dict) or set(found) != set(shape):
        raise ManifestBroken("it has other members than a manifest")
    for name, kind in shape.items():
        if type(found[name]) is not kind:
            raise ManifestBroken(f"its '{name}' is of another kind")


def _text(values: dict[str, Any]) -> str:
    return json.dumps(values, sort_keys=True, indent=1)
