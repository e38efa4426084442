"""A replica keeps what its primary signed of its audit log, and a log that was cut or written anew shows against it."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from accounts.models import Alarm, AuditCheckpoint
from accounts.services import audit, audit_checkpoints
from indexapp.models import Following, Index, PrimaryCheckpoint
from indexapp.services.replication import primary_log
from tests.factories.people import SYSTEM
from tests.factories.replication import make_following

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def row(main: Index) -> Following:
    return make_following()


def _sign() -> None:
    """Something happens, and the log is signed."""
    audit.record(actor=SYSTEM, action="test.happens", object_type="test", object_name="it")
    assert audit_checkpoints.checkpoint() is not None


def test_each_is_kept_once_and_not_among_this_sites_own(row: Following) -> None:
    assert primary_log.newest() == {}
    for number in (1, 2):
        _sign()
        primary_log.keep(row, primary_log.newest())
        primary_log.keep(row, primary_log.newest())
        assert PrimaryCheckpoint.objects.count() == number
    assert AuditCheckpoint.objects.count() == 2
    assert not Alarm.objects.filter(code=primary_log.ALARM).exists()


def test_what_is_not_signed_is_not_kept(row: Following) -> None:
    _sign()
    told = primary_log.newest()["audit"]
    for wrong in ({"note": "", "key": told["key"]}, {"note": told["note"], "key": "x"}, {"note": f"x{told['note']}"}):
        primary_log.keep(row, {"audit": told | wrong})
    primary_log.keep(row, {"audit": "nonsense"})
    primary_log.keep(row, {})
    assert not PrimaryCheckpoint.objects.exists()


def test_a_log_that_became_shorter_rings(row: Following) -> None:
    _sign()
    before = primary_log.newest()
    _sign()
    primary_log.keep(row, primary_log.newest())
    primary_log.keep(row, before)
    assert "was cut" in Alarm.objects.get(code=primary_log.ALARM).sentence


def test_what_is_kept_finds_a_log_that_was_cut(row: Following, tmp_path: Path) -> None:
    _sign()
    primary_log.keep(row, primary_log.newest())
    folder = tmp_path / "kept"
    told = StringIO()
    call_command("replication", "checkpoints", "--out", str(folder), stdout=told)
    assert "1 checkpoints, of up to" in told.getvalue()
    (note,) = folder.glob("*.txt")
    words = ("verify_audit", "--checkpoint", str(note), "--public-key", str(folder / "keys"))
    call_command(*words, stdout=StringIO())  # which ends with 0
    with connection.cursor() as cursor:
        for table in ("auditlink", "auditcheckpoint"):
            _without_guards(cursor, f"accounts_{table}")
        cursor.execute("DELETE FROM accounts_auditcheckpoint")
        cursor.execute("DELETE FROM accounts_auditlink WHERE position = (SELECT max(position) FROM accounts_auditlink)")
    said = StringIO()
    with pytest.raises(SystemExit):
        call_command(*words, stdout=said)
    assert "CUT: The checkpoint from outside" in said.getvalue()


def _without_guards(cursor: object, table: str) -> None:
    """Somebody with all rights over the database."""
    if connection.vendor == "postgresql":
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")  # type: ignore[attr-defined]
        return
    cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [table])  # type: ignore[attr-defined]
    for (name,) in cursor.fetchall():  # type: ignore[attr-defined]
        cursor.execute(f'DROP TRIGGER "{name}"')  # type: ignore[attr-defined]
