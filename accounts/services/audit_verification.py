"""Checking that the audit log is what was written: content, order and completeness."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

from django.db import DatabaseError, connection
from django.db.backends.utils import CursorWrapper

from accounts.domain.audit_chain import GENESIS, is_well_formed, link_hash
from accounts.domain.checkpoints import Checkpoint, CheckpointBroken, PublicKey, opened
from accounts.models import AuditCheckpoint
from accounts.services import audit_chain, audit_completeness, audit_rows
from accounts.services.audit_completeness import Fault

_BATCH = 5000


_Row = tuple[int, int, bytes, str | bytes | None]
"""Position, entry's id, hash of the link, joined fields of the entry (None where it is gone)."""


@dataclass
class Report:
    """What a verification found; ``entries`` were read up to the first fault of the chain."""

    entries: int = 0
    head: bytes = GENESIS
    checkpoints: int = 0
    waiting: audit_chain.Waiting = field(default_factory=lambda: audit_chain.Waiting(0, None))
    faults: list[Fault] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


def verify(keys: Iterable[PublicKey], outside: Checkpoint | None = None) -> Report:
    """Read the whole chain and hold it against the stored checkpoints and one that was kept ``outside``."""
    report, keys = Report(), list(keys)
    _link()
    started = time.perf_counter()
    stated = _stored(report, keys)
    if outside is not None:
        stated.append(("The checkpoint from outside", outside))
    _walk(report, stated)
    report.seconds = time.perf_counter() - started
    report.faults += audit_completeness.faults()
    report.waiting = audit_chain.waiting()
    return report


def _link() -> None:
    """Chain what waits, so that it is verified too; a database that cannot be written is verified as it is."""
    with suppress(DatabaseError):
        audit_chain.link_all()


def _stored(report: Report, keys: list[PublicKey]) -> list[tuple[str, Checkpoint]]:
    found = []
    for row in AuditCheckpoint.objects.order_by("size").iterator():
        name = f"The stored checkpoint of {row.made_at:%Y-%m-%d %H:%M:%S} UTC"
        try:
            checkpoint = opened(row.note, keys)
        except CheckpointBroken as broken:
            report.faults.append(Fault("checkpoint", f"{name} is not good: {broken}.", position=row.size))
            continue
        report.checkpoints += 1
        found.append((name, checkpoint))
    return found


def _walk(report: Report, stated: list[tuple[str, Checkpoint]]) -> None:
    """Follow the chain to its end or to the first fault."""
    agreed = 0
    for rows in _batches():
        before, previous = report.entries, report.head
        good = _good(rows, before, previous)
        if good:
            report.entries, report.head = before + good, bytes(rows[good - 1][2])
        for name, checkpoint in stated:
            if before < checkpoint.size <= report.entries:
                if bytes(rows[checkpoint.size - before - 1][2]) != checkpoint.head:
                    report.faults.append(_rewritten(name, checkpoint, agreed))
                    return
                agreed = checkpoint.size
        if good < len(rows):
            report.faults.append(_what_is_wrong(rows[good : good + 2], report.head, report.entries + 1))
            return
    report.faults += [_cut(name, it, report.entries) for name, it in stated if it.size > report.entries][:1]


def _good(rows: list[_Row], position: int, previous: bytes) -> int:
    """How many of ``rows`` follow rightly; the loop that decides how long a verification takes."""
    for number, (place, _, stored, fields) in enumerate(rows):
        position += 1
        entry = fields.encode() if isinstance(fields, str) else fields
        if place != position or not is_well_formed(entry) or link_hash(previous, position, entry) != stored:
            return number
        previous = stored
    return len(rows)


def _what_is_wrong(rows: list[_Row], previous: bytes, position: int) -> Fault:
    """Tell an entry that is gone from one that was changed, and both from a link that was."""
    place, entry_id, _, fields = rows[0]
    entry = audit_rows.as_bytes(fields)
    if place != position:
        return Fault("missing", f"Position {position} of the chain is missing.", position=position)
    if entry is None:
        sentence = f"The entry at position {position}, entry {entry_id}, is missing."
        return Fault("missing", sentence, position=position, entry_id=entry_id)
    computed = link_hash(previous, position, entry)
    if len(rows) > 1 and _good(rows[1:], position, computed):
        sentence = f"The hash in the link at position {position}, entry {entry_id}, is not that of its entry."
        return Fault("link", sentence, position=position, entry_id=entry_id)
    sentence = f"The content of the entry at position {position}, entry {entry_id}, is not what was recorded."
    return Fault("content", sentence, position=position, entry_id=entry_id)


def _rewritten(name: str, checkpoint: Checkpoint, agreed: int) -> Fault:
    sentence = (
        f"{name} states another hash for {checkpoint.size} entries: the chain was computed anew somewhere between "
        f"positions {agreed + 1} and {checkpoint.size}."
    )
    return Fault("rewritten", sentence, position=agreed + 1)


def _cut(name: str, checkpoint: Checkpoint, size: int) -> Fault:
    sentence = f"{name} states {checkpoint.size} entries and the chain has {size}: its end was cut."
    return Fault("cut", sentence, position=size + 1)


def _batches() -> Iterator[list[_Row]]:
    """The chain from its beginning, in pieces.

    PostgreSQL makes the next piece while this process hashes the one before.  With SQLite, which works in this process, the
    two would only wait for each other's turn.
    """
    with connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            last = 0
            while rows := _fetch(cursor, last):
                last = rows[-1][0]
                yield rows
            return
        with ThreadPoolExecutor(1) as ahead:
            coming = ahead.submit(_fetch, cursor, 0)
            while rows := coming.result():
                coming = ahead.submit(_fetch, cursor, rows[-1][0])
                yield rows


def _fetch(cursor: CursorWrapper, last: int) -> list[_Row]:
    cursor.execute(
        f"SELECT l.position, l.entry_id, l.hash, {audit_rows.joined('e')} FROM accounts_auditlink l "  # noqa: S608  names of ours
        "LEFT JOIN accounts_auditentry e ON e.id = l.entry_id WHERE l.position > %s ORDER BY l.position LIMIT %s",
        [last, _BATCH],
    )
    rows: list[_Row] = cursor.fetchall()
    return rows
