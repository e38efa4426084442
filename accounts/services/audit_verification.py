"""Checking that the audit log is what was written: content, order and completeness."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from django.db import DatabaseError, connection

from accounts.domain.audit_chain import GENESIS, is_well_formed, link_hash
from accounts.domain.checkpoints import Checkpoint, CheckpointBroken, PublicKey, opened
from accounts.models import AuditCheckpoint
from accounts.services import audit_chain, audit_completeness, audit_rows
from accounts.services.audit_completeness import Fault

_BATCH = 5000


@dataclass(frozen=True)
class _Row:
    position: int
    entry_id: int
    hash: bytes
    is_there: bool
    entry: bytes | None

    def follows(self, previous: bytes, position: int) -> bool:
        """Whether the hash is right for the entry at ``position`` after ``previous``."""
        return is_well_formed(self.entry) and link_hash(previous, position, self.entry or b"") == self.hash


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
    ends: dict[int, list[tuple[str, Checkpoint]]] = {}
    for name, checkpoint in stated:
        ends.setdefault(checkpoint.size, []).append((name, checkpoint))
    previous, position, agreed = GENESIS, 0, 0
    rows = _rows()
    for row in rows:
        position += 1
        if row.position != position or not row.follows(previous, position):
            report.faults.append(_what_is_wrong(row, next(rows, None), previous, position))
            return
        previous = row.hash
        report.entries, report.head = position, previous
        if position in ends:
            other = [_rewritten(name, it, agreed) for name, it in ends[position] if it.head != previous]
            report.faults += other
            if other:
                return
            agreed = position
    report.faults += [_cut(name, it, position) for name, it in stated if it.size > position][:1]


def _what_is_wrong(row: _Row, following: _Row | None, previous: bytes, position: int) -> Fault:
    """Tell an entry that is gone from one that was changed, and both from a link that was."""
    if row.position != position:
        return Fault("missing", f"Position {position} of the chain is missing.", position=position)
    if not row.is_there:
        sentence = f"The entry at position {position}, entry {row.entry_id}, is missing."
        return Fault("missing", sentence, position=position, entry_id=row.entry_id)
    computed = link_hash(previous, position, row.entry or b"")
    if following is not None and following.follows(computed, position + 1):
        sentence = f"The hash in the link at position {position}, entry {row.entry_id}, is not that of its entry."
        return Fault("link", sentence, position=position, entry_id=row.entry_id)
    sentence = f"The content of the entry at position {position}, entry {row.entry_id}, is not what was recorded."
    return Fault("content", sentence, position=position, entry_id=row.entry_id)


def _rewritten(name: str, checkpoint: Checkpoint, agreed: int) -> Fault:
    sentence = (
        f"{name} states another hash for {checkpoint.size} entries: the chain was computed anew somewhere between "
        f"positions {agreed + 1} and {checkpoint.size}."
    )
    return Fault("rewritten", sentence, position=agreed + 1)


def _cut(name: str, checkpoint: Checkpoint, size: int) -> Fault:
    sentence = f"{name} states {checkpoint.size} entries and the chain has {size}: its end was cut."
    return Fault("cut", sentence, position=size + 1)


def _rows() -> Iterator[_Row]:
    last = 0
    statement = (
        f"SELECT l.position, l.entry_id, l.hash, e.id, {audit_rows.joined('e')} FROM accounts_auditlink l "  # noqa: S608  names of ours
        "LEFT JOIN accounts_auditentry e ON e.id = l.entry_id WHERE l.position > %s ORDER BY l.position LIMIT %s"
    )
    while True:
        with connection.cursor() as cursor:
            cursor.execute(statement, [last, _BATCH])
            rows = cursor.fetchall()
        for position, entry_id, digest, there, entry in rows:
            yield _Row(position, entry_id, bytes(digest), there is not None, audit_rows.as_bytes(entry))
        if len(rows) < _BATCH:
            return
        last = rows[-1][0]
