"""The state of encryption as a table, for auditors' files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from accounts.domain.csv_cells import defused
from accounts.services.keys.status import Status

COLUMNS = ("part", "name", "value")


def as_csv(found: Status) -> str:
    """One line for each fact: part, name, value."""
    written = io.StringIO()
    lines = csv.writer(written)
    lines.writerow(COLUMNS)
    for line in _lines(found):
        lines.writerow([defused(cell) for cell in line])
    return written.getvalue()


def _lines(found: Status) -> Iterator[tuple[str, str, object]]:
    yield "new contents", "sealed", "yes" if found.is_sealing else "no"
    yield "key ring", "source", found.ring_source
    yield "key ring", "fault", found.source_fault or "none"
    yield "key ring", "source answered at", found.source_answered_at or ""
    yield "key ring", "last rotation at", found.last_rotation_at or ""
    yield "coverage", "per cent of contents sealed", found.coverage
    for words, number in found.plain.items():
        yield "coverage", f"{words} that lie plain", number
    yield "coverage", "texts to wrap anew", found.waiting
    for what, algorithm in found.algorithms.items():
        yield "algorithm", what, algorithm
    for key in found.keys:
        state = "current" if key.is_current else "in the ring" if key.is_in_ring else "not in the ring"
        yield f"key {key.id}", "state", f"{state}, given up" if key.given_up_at else state
        yield f"key {key.id}", "made at", key.created_at or ""
        yield f"key {key.id}", "given up at", key.given_up_at or ""
        for words, number in key.wraps.items():
            yield f"key {key.id}", words, number
    for sentence in found.not_encrypted:
        yield "not encrypted", sentence, ""
