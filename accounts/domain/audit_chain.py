"""How the chain of the audit log is computed; ``docs/audit.md`` tells the same to whoever writes a verifier."""

from __future__ import annotations

import hashlib
from typing import TypeGuard

SEPARATOR = b"\x1f"  # U+001F, which no field may hold
FIELDS = (
    "id",
    "at",
    "actor_id",
    "actor_name",
    "token_key_id",
    "method",
    "address",
    "request_id",
    "action",
    "object_type",
    "object_id",
    "object_name",
    "outcome",
    "reason",
    "detail",
)
"""The fields of an entry in the order in which they are hashed."""
SEPARATORS = len(FIELDS) - 1
GENESIS = bytes(32)
"""What stands for the hash before the first entry."""
_FORM = b"tpi-audit-1"


def link_hash(previous: bytes, position: int, entry: bytes) -> bytes:
    """SHA-256 over the hash before, the form's name, the position and the entry's fields joined by U+001F."""
    return hashlib.sha256(b"%b%b\x1f%d\x1f%b" % (previous, _FORM, position, entry)).digest()


def is_well_formed(entry: bytes | None) -> TypeGuard[bytes]:
    """Whether the joined fields can be taken apart in one way only."""
    return entry is not None and entry.count(SEPARATOR) == SEPARATORS
