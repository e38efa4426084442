"""A filter of the audit log reads what it shows and not the log."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from accounts.models import AuditEntry
from accounts.services import audit
from tests.factories.people import SYSTEM

pytestmark = [pytest.mark.database, pytest.mark.django_db]

ENTRIES = 3000
INDEXES = {"token_key_id": "audit_by_token", "address": "audit_by_address", "action": "audit_by_action"}


@pytest.fixture(autouse=True)
def _log(db: None) -> None:
    """Few entries of each value among many, the values spread over the whole log."""
    AuditEntry.objects.bulk_create(
        AuditEntry(
            actor_name=f"u-{number % 7}",
            method="token",
            token_key_id=f"key-{number % 500}",
            address=f"192.0.2.{number % 250}",
            action=f"act-{number % 400}",
        )
        for number in range(ENTRIES)
    )
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE accounts_auditentry")


@pytest.mark.parametrize(
    ("column", "value"), [("token_key_id", "key-3"), ("address", "192.0.2.3"), ("action", "act-3")]
)
def test_a_page_of_the_newest_is_found_by_the_index_in_order(column: str, value: str) -> None:
    rows = AuditEntry.objects.filter(**{column: value}).order_by("-pk")[:50]
    assert [row.pk for row in rows] == sorted((row.pk for row in rows), reverse=True)
    plan = rows.explain()
    assert INDEXES[column] in plan
    if connection.vendor == "sqlite":
        assert "SCAN" not in plan
        assert "TEMP B-TREE" not in plan
    else:
        assert "Seq Scan" not in plan


def test_the_table_is_append_only_still() -> None:
    audit.record(actor=SYSTEM, action="test", object_name="one")
    for change in ("UPDATE accounts_auditentry SET action = 'other'", "DELETE FROM accounts_auditentry"):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(change)
