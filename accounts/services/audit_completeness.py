"""What a chain cannot tell of itself: entries beside it, and whether what guards it is as it was made."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from accounts.models import AuditEntry, AuditLink
from accounts.services import audit_guards


@dataclass(frozen=True)
class Fault:
    """Something that is wrong: ``kind`` is content, link, missing, cut, rewritten, checkpoint, unlinked or guard."""

    kind: str
    sentence: str
    position: int | None = None
    entry_id: int | None = None


def faults() -> list[Fault]:
    """Entries that vanished before they were chained or that nobody waits to chain, and guards that were tampered with."""
    guards = [Fault("guard", sentence) for sentence in audit_guards.faults()]
    return [*_vanished(), *_strangers(), *_holes(), *guards]


def _vanished() -> list[Fault]:
    gone = _first(
        "SELECT p.entry_id FROM accounts_auditpending p WHERE NOT EXISTS "
        "(SELECT 1 FROM accounts_auditentry e WHERE e.id = p.entry_id) ORDER BY p.entry_id LIMIT 1"
    )
    return [_fault("missing", gone, "is missing; it was removed before it was chained")] if gone else []


def _strangers() -> list[Fault]:
    odd = _first(
        "SELECT e.id FROM accounts_auditentry e WHERE NOT EXISTS "
        "(SELECT 1 FROM accounts_auditlink l WHERE l.entry_id = e.id) AND NOT EXISTS "
        "(SELECT 1 FROM accounts_auditpending p WHERE p.entry_id = e.id) ORDER BY e.id LIMIT 1"
    )
    return [_fault("unlinked", odd, "has no place in the chain and does not wait for one")] if odd else []


def _holes() -> list[Fault]:
    """SQLite gives ids back when a transaction rolls back, so that there each id stands for an entry."""
    if connection.vendor != "sqlite":
        return []
    given = _first("SELECT seq FROM sqlite_sequence WHERE name = 'accounts_auditentry'") or 0
    there = max(AuditEntry.objects.count(), AuditLink.objects.count())
    if given <= there:
        return []
    return [Fault("missing", f"{given} entries were written and {there} are there: some were removed.")]


def _fault(kind: str, entry_id: int, what: str) -> Fault:
    return Fault(kind, f"Entry {entry_id} {what}.", entry_id=entry_id)


def _first(statement: str) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone()
    return int(row[0]) if row else None
