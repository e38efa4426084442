"""Audit entries, and what someone with all rights over the database can do to them."""

from __future__ import annotations

from typing import Any

from django.db import connection

from accounts.domain.audit_chain import GENESIS, link_hash
from accounts.services import audit, audit_rows
from tests.factories.people import SYSTEM
from tests.plugins.append_only import triggers_asleep


def entries(count: int, **detail: Any) -> None:
    """Write that many entries."""
    for number in range(count):
        audit.record(actor=SYSTEM, action="test.act", object_type="thing", object_name=f"thing {number}", **detail)


def tamper(*statements: str) -> None:
    """Run ``statements`` past the triggers."""
    with triggers_asleep(connection), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def rechain() -> None:
    """Compute the whole chain anew, with right hashes, as someone who has read the documentation can."""
    previous = GENESIS
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT e.id, {audit_rows.joined('e')} FROM accounts_auditentry e ORDER BY e.id")
        rows = cursor.fetchall()
    with triggers_asleep(connection), connection.cursor() as cursor:
        cursor.execute("DELETE FROM accounts_auditlink")
        for position, (entry_id, entry) in enumerate(rows, 1):
            previous = link_hash(previous, position, audit_rows.as_bytes(entry) or b"")
            cursor.execute(
                "INSERT INTO accounts_auditlink (position, entry_id, hash) VALUES (%s, %s, %s)",
                [position, entry_id, previous],
            )
