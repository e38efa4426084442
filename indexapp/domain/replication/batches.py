"""A batch of the feed as it is read: whole, or not at all.

It is lines of JSON: a head, then changes, projects with their rows, names that are gone, chunks of tables, and an end.  What is
cut at any byte lacks its end, and is thrown away.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

MOST_BYTES = 256 * 1024 * 1024
"""More than a batch ever has: a project may be large, and is never cut in two."""
_MOST_LINE = 64 * 1024 * 1024
_PIECE = 64 * 1024


class BadBatch(ValueError):
    """What came is no whole batch; the sentence says what is wrong."""


@dataclass(frozen=True, slots=True)
class Touched:
    """A project that a change of the batch is about; without a ``key`` the primary has none of that name."""

    index: int
    name: str
    key: int | None


@dataclass(slots=True)
class Batch:
    """``rows`` are those of all its projects, by label; ``tables`` are chunks that differ: (label, number, rows)."""

    head: dict[str, Any]
    changes: list[dict[str, Any]] = field(default_factory=list)
    projects: list[Touched] = field(default_factory=list)
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    tables: list[tuple[str, int, list[dict[str, Any]]]] = field(default_factory=list)
    end: dict[str, Any] = field(default_factory=dict)


def in_pieces(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines in few large pieces: each that is sent costs both sides more than the line that it is."""
    waiting: list[bytes] = []
    size = 0
    for line in lines:
        waiting.append(line)
        size += len(line)
        if size >= _PIECE:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)


def read(pieces: Iterable[bytes]) -> Batch:
    """The batch; raises BadBatch."""
    batch: Batch | None = None
    for line in _lines(pieces):
        if batch is not None and batch.end:
            raise BadBatch("something follows the end of the batch")
        batch = _taken(batch, line)
    if batch is None or not batch.end:
        raise BadBatch("the batch broke off before its end")
    return batch


def _lines(pieces: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    rest, taken = b"", 0
    for piece in pieces:
        taken += len(piece)
        rest += piece
        if taken > MOST_BYTES or len(rest) > _MOST_LINE:
            raise BadBatch("the batch is larger than any that a primary gives")
        *lines, rest = rest.split(b"\n")
        for line in lines:
            yield _object(line)
    if rest:
        raise BadBatch("the batch broke off within a line")


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        raise BadBatch("a line is no JSON") from None
    if not isinstance(found, dict):
        raise BadBatch("a line is no JSON object")
    return found


def _taken(batch: Batch | None, line: dict[str, Any]) -> Batch:
    try:
        if batch is None:
            head = line["head"]
            int(head["upto"]), int(head["newest"]), str(head["epoch"])
            return Batch(head)
        _add(batch, line)
    except (KeyError, TypeError, ValueError, IndexError, OverflowError):
        raise BadBatch("a line does not say what a line of a batch says") from None
    return batch


def _add(batch: Batch, line: dict[str, Any]) -> None:
    if "change" in line:
        batch.changes.append({**line["change"], "serial": int(line["change"]["serial"])})
    elif "project" in line:
        index, name, key = line["project"]
        batch.projects.append(Touched(int(index), str(name), None if key is None else int(key)))
    elif "rows" in line:
        label, rows = line["rows"]
        batch.rows.setdefault(str(label), []).extend([dict(row) for row in rows])
    elif "chunk" in line:
        label, number, rows = line["chunk"]
        batch.tables.append((str(label), int(number), [dict(row) for row in rows]))
    else:
        batch.end = dict(line["end"])
