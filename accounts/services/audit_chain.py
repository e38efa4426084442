"""Giving new entries their places in the chain.

Entries are written by their own transactions without waiting for each other; one linker at a time takes what has been
committed and chains it.  A chain in the writers' transactions would make every commit wait for the one before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Min

from accounts.domain.audit_chain import GENESIS, link_hash
from accounts.models import AuditEntry, AuditLink, AuditPending
from accounts.services import audit_rows
from tpi_site.kit import locking

_BATCH = 1000
_INSERT = "INSERT INTO accounts_auditlink (position, entry_id, hash) VALUES (%s, %s, %s)"
_INSERT_ARRAYS = (
    "INSERT INTO accounts_auditlink (position, entry_id, hash) "
    "SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bytea[])"
)
_DELETE = "DELETE FROM accounts_auditpending WHERE entry_id = %s"


@dataclass(frozen=True)
class Waiting:
    """Entries that have no place yet: how many, and since when the oldest waits."""

    count: int
    since: datetime | None


@dataclass(frozen=True)
class Place:
    """Where an entry stands in the chain, its hash, and the hash before; that of the first is :data:`GENESIS`."""

    position: int
    hash: bytes
    previous: bytes


def place_of(entry_id: int) -> Place | None:
    """The place of an entry; None while it waits for one."""
    link = AuditLink.objects.filter(entry_id=entry_id).first()
    if link is None:
        return None
    before = AuditLink.objects.filter(position=link.position - 1).first()
    return Place(link.position, bytes(link.hash), bytes(before.hash) if before else GENESIS)


def link_all() -> int:
    """Chain all entries that are committed by now; returns how many."""
    done = 0
    while step := _link_some():
        done += step
        if step < _BATCH:
            break
    return done


def waiting() -> Waiting:
    """What the next linking will take up."""
    ids = AuditPending.objects.values("entry_id")
    return Waiting(AuditPending.objects.count(), AuditEntry.objects.filter(pk__in=ids).aggregate(at=Min("at"))["at"])


def head() -> tuple[int, bytes]:
    """The chain's length and last hash."""
    last = AuditLink.objects.order_by("-position").first()
    return (last.position, bytes(last.hash)) if last else (0, GENESIS)


def _link_some() -> int:
    if not AuditPending.objects.exists():
        return 0
    with transaction.atomic():
        locking.hold("audit-chain")
        position, previous = head()
        links = []
        for entry_id, entry in _next_entries():
            position += 1
            previous = link_hash(previous, position, audit_rows.as_bytes(entry) or b"")
            links.append((position, entry_id, previous))
        _write(links)
    return len(links)


def _write(links: list[tuple[int, int, bytes]]) -> None:
    """By statements of our own, because the linker must keep up with eight writers."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            columns = [list(column) for column in zip(*links, strict=True)] or [[], [], []]
            cursor.execute(_INSERT_ARRAYS, columns)
            cursor.execute(_DELETE.replace("%s", "ANY(%s)"), [columns[1]])
        else:
            cursor.executemany(_INSERT, links)
            cursor.executemany(_DELETE, [[entry_id] for _, entry_id, _ in links])


def _next_entries() -> list[tuple[int, str | bytes | None]]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT e.id, {audit_rows.joined('e')} FROM accounts_auditpending p "  # noqa: S608  names of ours
            "JOIN accounts_auditentry e ON e.id = p.entry_id ORDER BY p.entry_id LIMIT %s",
            [_BATCH],
        )
        rows: list[tuple[int, str | bytes | None]] = cursor.fetchall()
    return rows
