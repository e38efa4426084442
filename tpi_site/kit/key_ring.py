"""The key ring: the keys under which secrets and the data keys of blobs are wrapped before they are written down.

AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce.  What something is wrapped for is bound in as associated data, so
that a wrapped text copied elsewhere opens nothing there.  The ring is a JSON file
``{"current": <key id>, "keys": {<key id>: <base64 of 32 bytes>}}``, perhaps with ``"created": {<key id>: <ISO 8601>}`` and
``"naming": <base64 of 32 bytes>``: the current key wraps, and each text names the key that opens it.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import logging
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

log = logging.getLogger(__name__)
V = TypeVar("V")
VERSION = "s1"
LOCK = "key-ring"
"""Held with others while a wrapped text is written, alone while the ring changes (:mod:`tpi_site.kit.locking`)."""
_NONCE = 12  # bytes
_KEY = 32  # bytes


class KeyRingBroken(Exception):
    """The key ring cannot be read; the sentence says what is wrong and names no key."""


class WrapBroken(Exception):
    """A wrapped text was changed, is for another purpose, or its key is not in the ring."""


@dataclass(frozen=True)
class KeyRing:
    """Keys by their ids, the id of the one that wraps, and the key that names objects."""

    current: str
    keys: Mapping[str, bytes]
    created: Mapping[str, datetime] = field(default_factory=dict)
    naming: bytes = b""
    former: tuple[bytes, ...] = ()
    """Keys that named objects before ``naming`` did."""
    given_up: Mapping[str, datetime] = field(default_factory=dict)
    """Since when keys are known to others; whatever was sealed before is to be sealed anew."""

    def __repr__(self) -> str:
        """Keep the keys out of tracebacks and logs."""
        return f"KeyRing(current={self.current!r})"

    def wrap(self, secret: bytes, purpose: str) -> str:
        """``secret`` under the current key, as printable text that names it: ``s1.<key id>.<base64>``."""
        nonce = secrets.token_bytes(_NONCE)
        sealed = nonce + AESGCM(self.keys[self.current]).encrypt(nonce, secret, _bound(purpose))
        return f"{VERSION}.{self.current}.{base64.urlsafe_b64encode(sealed).decode()}"

    def unwrap(self, text: str, purpose: str) -> bytes:
        """What :meth:`wrap` was given; raises WrapBroken."""
        version, _, rest = text.partition(".")
        key_id, _, encoded = rest.partition(".")
        key = self.keys.get(key_id)
        if version != VERSION or key is None:
            raise WrapBroken(f"It is wrapped with the key '{key_id[:40]}', which is not in the key ring.")
        try:
            raw = base64.urlsafe_b64decode(encoded)
            return AESGCM(key).decrypt(raw[:_NONCE], raw[_NONCE:], _bound(purpose))
        except (InvalidTag, binascii.Error, ValueError):
            raise WrapBroken("It was changed, or wrapped for something else.") from None

    def rewrapped(self, text: str, purpose: str) -> str:
        """``text`` under the current key, or as it is when that wraps it already; raises WrapBroken."""
        return text if key_id_of(text) == self.current else self.wrap(self.unwrap(text, purpose), purpose)

    def name_of(self, digest: str) -> str:
        """64 hex digits that only a holder of the ring can tell from a content's digest (HMAC-SHA256)."""
        return _named(self.naming, digest)

    def names_of(self, digest: str) -> list[str]:
        """The name of now, and those that the content had before."""
        return [_named(key, digest) for key in (self.naming, *self.former)]


def _named(key: bytes, digest: str) -> str:
    return hmac.digest(key, digest.encode("ascii"), sha256).hex()


def key_id_of(wrapped: str) -> str:
    """The id of the key that opens the text; empty where it names none."""
    return wrapped.split(".")[1] if wrapped.count(".") > 1 else ""


def _bound(purpose: str) -> bytes:
    return f"tpi:{purpose}".encode()


def key_ring() -> KeyRing:
    """The key ring that ``TPI_KEYRING`` names; made (mode 0600) when a file of the installation's own is not there yet.

    A file that was replaced is read again at once, so that rotation needs no restart.
    """
    scheme, _, place = settings.TPI_KEYRING.partition(":")
    if scheme == "env":
        return _parsed(os.environ.get(place, ""))
    return _from_file(Path(place))


_State = tuple[int, int, int]
_read: dict[Path, tuple[_State, KeyRing]] = {}


def _from_file(path: Path) -> KeyRing:
    known = _read.get(path)
    try:
        state = _state(path)
        if known is not None and known[0] == state:
            return known[1]
        ring = _parsed(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        if known is not None:  # never another one in place of a ring that was here: what it sealed would be lost
            return known[1]
        ring = _parsed(_make(path))
        state = _state(path)
    except (OSError, UnicodeDecodeError, KeyRingBroken) as error:
        if known is not None:
            log.warning("The key ring %s cannot be read again; the keys read before serve on: %s", path, error)
            return known[1]
        if isinstance(error, KeyRingBroken):
            raise
        raise KeyRingBroken(f"The key ring {path} cannot be read: {error}.") from None
    _read[path] = (state, ring)
    return ring


def _state(path: Path) -> _State:
    found = path.stat()
    return (found.st_ino, found.st_mtime_ns, found.st_size)


def forget() -> None:
    """Empty this process's memory of ring files."""
    _read.clear()
    _parsed.cache_clear()


@lru_cache(maxsize=4)
def _parsed(text: str) -> KeyRing:
    try:
        found = json.loads(text)
        keys = {str(name): base64.b64decode(key, validate=True) for name, key in found["keys"].items()}
        naming = base64.b64decode(found.get("naming", ""), validate=True) or _naming_of(keys)
        former = tuple(base64.b64decode(key, validate=True) for key in found.get("former", ()))
        created, given_up = _moments(found.get("created", {})), _moments(found.get("given_up", {}))
        ring = KeyRing(str(found["current"]), keys, created, naming, former, given_up)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise KeyRingBroken("The key ring is not JSON with 'current' and 'keys'.") from None
    if ring.current not in keys or any(len(key) != _KEY for key in (naming, *keys.values())):
        raise KeyRingBroken("The key ring's current key is missing, or a key has not 32 bytes.")
    return ring


def _moments(found: Mapping[str, str]) -> dict[str, datetime]:
    return {str(name): datetime.fromisoformat(moment) for name, moment in found.items()}


def _naming_of(keys: Mapping[str, bytes]) -> bytes:
    """The naming key of a ring that was made before rings had one, or that names none."""
    return hmac.digest(next(iter(keys.values()), b""), b"tpi naming", sha256)


def as_json(ring: KeyRing) -> str:
    """The ring as it is written down: it holds the keys themselves."""
    return json.dumps(
        {
            "current": ring.current,
            "keys": {key_id: base64.b64encode(key).decode() for key_id, key in ring.keys.items()},
            "created": {key_id: moment.isoformat(timespec="seconds") for key_id, moment in ring.created.items()},
            "naming": base64.b64encode(ring.naming).decode(),
            "former": [base64.b64encode(key).decode() for key in ring.former],
            "given_up": {key_id: moment.isoformat(timespec="seconds") for key_id, moment in ring.given_up.items()},
        }
    )


def with_new_key(ring: KeyRing) -> KeyRing:
    """The ring with one more key, which is current; objects keep their names."""
    key_id = secrets.token_hex(4)
    while key_id in ring.keys:
        key_id = secrets.token_hex(4)
    keys = {**ring.keys, key_id: secrets.token_bytes(_KEY)}
    return replace(ring, current=key_id, keys=keys, created={**ring.created, key_id: datetime.now(UTC)})


def without_key(ring: KeyRing, key_id: str) -> KeyRing:
    """The ring without a key that is not current; objects keep their names."""
    return replace(
        ring,
        keys=_without(ring.keys, key_id),
        created=_without(ring.created, key_id),
        given_up=_without(ring.given_up, key_id),
    )


def _without(values: Mapping[str, V], key_id: str) -> dict[str, V]:
    return {name: value for name, value in values.items() if name != key_id}


def given_up(ring: KeyRing, key_id: str) -> KeyRing:
    """The ring after others have come to know a key: it wraps nothing new, and what is sealed from now on has new names."""
    after = with_new_key(ring) if key_id == ring.current else ring
    return replace(
        after,
        naming=secrets.token_bytes(_KEY),
        former=(ring.naming, *ring.former),
        given_up={**ring.given_up, key_id: datetime.now(UTC)},
    )


def is_file() -> bool:
    """Whether the product can write the ring: it is a file, not a variable."""
    return settings.TPI_KEYRING.startswith("file:")


def replace_file(ring: KeyRing) -> None:
    """Write ``ring`` in place of the installation's; whoever reads sees the old one or the new one, also after a crash."""
    path = Path(settings.TPI_KEYRING.partition(":")[2])
    candidate = _written_beside(path, as_json(ring))
    try:
        candidate.replace(path)
    finally:
        candidate.unlink(missing_ok=True)
    _make_durable(path.parent)


def _written_beside(path: Path, text: str) -> Path:
    candidate = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(candidate, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        candidate.unlink()
        raise
    return candidate


def _make_durable(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make(path: Path) -> str:
    """Write a new ring so that of two first starts at once both read the same one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key_id = secrets.token_hex(4)
    keys = {key_id: secrets.token_bytes(_KEY)}
    candidate = _written_beside(
        path, as_json(KeyRing(key_id, keys, {key_id: datetime.now(UTC)}, secrets.token_bytes(_KEY)))
    )
    try:
        os.link(candidate, path)
    except FileExistsError:
        pass
    finally:
        candidate.unlink()
    _make_durable(path.parent)
    return path.read_text(encoding="ascii")
