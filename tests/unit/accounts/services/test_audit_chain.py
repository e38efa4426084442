from __future__ import annotations

import hashlib
import json

import pytest
from django.db import DatabaseError, connection, transaction

from accounts.models import AuditCheckpoint, AuditEntry, AuditLink, AuditPending
from accounts.services import audit, audit_chain, audit_checkpoints
from tests.factories.audit import entries
from tests.factories.people import SYSTEM

pytestmark = [pytest.mark.database, pytest.mark.django_db]

TABLES = ("accounts_auditentry", "accounts_auditlink", "accounts_auditcheckpoint")


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("statement", ["UPDATE {table} SET {column} = {column}", "DELETE FROM {table}"])
def test_nothing_is_changed_nor_deleted(table: str, statement: str) -> None:
    entries(2)
    audit_checkpoints.checkpoint()
    column = {"accounts_auditlink": "position"}.get(table, "id")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(table=table, column=column))


@pytest.mark.parametrize("table", TABLES)
def test_nothing_is_truncated_where_the_database_can(table: str) -> None:
    statement = f"TRUNCATE {table}" if connection.vendor == "postgresql" else f"DELETE FROM {table}"
    entries(1)
    audit_checkpoints.checkpoint()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_entries_get_positions_without_gaps_in_spite_of_what_was_rolled_back() -> None:
    entries(3)

    def fail() -> None:
        with transaction.atomic():
            entries(2)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    entries(2)
    assert audit_chain.link_all() == 5
    assert list(AuditLink.objects.order_by("position").values_list("position", flat=True)) == [1, 2, 3, 4, 5]
    assert list(AuditLink.objects.order_by("position").values_list("entry_id", flat=True)) == list(
        AuditEntry.objects.order_by("pk").values_list("pk", flat=True)
    )
    assert not AuditPending.objects.exists()


def test_an_entry_that_commits_late_is_chained_after_those_of_higher_ids() -> None:
    entries(3)
    first = AuditEntry.objects.order_by("pk")[0].pk
    AuditPending.objects.filter(entry_id=first).delete()  # as the linker sees it: not committed yet
    assert audit_chain.link_all() == 2
    AuditPending.objects.create(entry_id=first)
    assert audit_chain.link_all() == 1
    assert AuditLink.objects.get(position=3).entry_id == first


def test_more_than_one_batch_is_one_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_chain, "_BATCH", 4)
    entries(11)
    assert audit_chain.link_all() == 11
    assert audit_chain.link_all() == 0
    assert audit_chain.head()[0] == 11


def test_what_waits_is_counted_and_its_age_known() -> None:
    entries(2)
    waiting = audit_chain.waiting()
    assert (waiting.count, waiting.since) == (2, AuditEntry.objects.order_by("pk")[0].at)
    audit_chain.link_all()
    assert audit_chain.waiting() == audit_chain.Waiting(0, None)


def test_the_hash_is_the_one_that_the_documentation_describes() -> None:
    """Written from docs/audit.md, with nothing of the product."""
    audit.record(actor=SYSTEM, action="test.act", object_type="thing", object_name="Zoë\x1f\n7", z=[1, None], a="é")
    audit_chain.link_all()
    entry = AuditEntry.objects.get()
    fields = [
        str(entry.pk),
        entry.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "",
        "test",
        "",
        "internal",
        "",
        "",
        "test.act",
        "thing",
        "",
        "Zoë 7",
        "done",
        "",
        '{"a":"é","z":[1,null]}',
    ]
    hashed = bytes(32) + "\x1f".join(["tpi-audit-1", "1", *fields]).encode()
    assert bytes(AuditLink.objects.get().hash) == hashlib.sha256(hashed).digest()
    assert json.loads(fields[-1]) == entry.detail


def test_a_time_without_a_fraction_is_hashed_with_six_decimals() -> None:
    from datetime import UTC, datetime

    entry = AuditEntry(actor_name="x", method="none", action="y")
    AuditEntry.objects.bulk_create([entry])
    from accounts.services import audit_rows
    from tests.factories.audit import tamper

    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    tamper(f"UPDATE accounts_auditentry SET at = '{moment:%Y-%m-%d %H:%M:%S}' WHERE id = {AuditEntry.objects.get().pk}")
    if connection.vendor == "postgresql":
        assert AuditEntry.objects.get().at == moment
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {audit_rows.joined('e')} FROM accounts_auditentry e")
        [found] = cursor.fetchone()
    assert (audit_rows.as_bytes(found) or b"").split(b"\x1f")[1] == b"2026-01-02T03:04:05.000000Z"


def test_a_secret_is_recognised_and_not_shown() -> None:
    first, again, other = audit.digested("hunter2"), audit.digested("hunter2"), audit.digested("hunter3")
    assert first == again != other
    assert "hunter2" not in first
    assert first.startswith("hmac-sha256:")


def test_a_checkpoint_is_made_once_for_each_length() -> None:
    assert audit_checkpoints.checkpoint() is None
    entries(2)
    made = audit_checkpoints.checkpoint()
    assert made is not None
    assert made == audit_checkpoints.checkpoint()
    entries(1)
    audit_checkpoints.checkpoint()
    assert list(AuditCheckpoint.objects.order_by("size").values_list("size", flat=True)) == [2, 3]
