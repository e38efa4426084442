"""Rows as they travel, and digests over them that come out alike whatever database they lie in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

CHUNK = 256
"""Primary keys that one digest is about."""
_LINE = 32 * 1024
_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode
_SHORT = 32
"""Hexadecimal digits of a digest that is compared: between two sites that believe one another."""

Row = Mapping[str, Any]


def chunk_of(key: int) -> int:
    """In which chunk the row with this primary key is."""
    return key // CHUNK


def plain(value: Any) -> Any:
    """A value as JSON has it: moments in UTC with microseconds, and uuids as text."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return str(value) if isinstance(value, UUID) else value


def as_line(value: Any) -> bytes:
    """The one JSON text of a value, on a line of its own."""
    return _encode(value).encode() + b"\n"


def as_lines(label: str, rows: Iterable[Row]) -> Iterator[bytes]:
    """Rows of a model in lines of a batch, as many in one as are not large."""
    head, waiting, size = f'{{"rows":[{_encode(label)},['.encode(), list[bytes](), 0
    for row in rows:
        text = _encode(row).encode()
        if waiting and size + len(text) > _LINE:
            yield head + b",".join(waiting) + b"]]}\n"
            waiting, size = [], 0
        waiting.append(text)
        size += len(text)
    if waiting:
        yield head + b",".join(waiting) + b"]]}\n"


def digest(rows: Iterable[Row]) -> str:
    """What is the same for the same rows in the same order."""
    found = hashlib.sha256()
    for row in rows:
        found.update(as_line(row))
    return found.hexdigest()[:_SHORT]
