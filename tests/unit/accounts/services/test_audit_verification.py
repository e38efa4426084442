"""What someone with all rights over the database can do to the log, and that it is found."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import AuditEntry, AuditLink
from accounts.services import audit_chain, audit_checkpoints, audit_keys, audit_verification
from accounts.services.audit_verification import Report
from tests.factories.audit import entries, rechain, tamper

pytestmark = [pytest.mark.database, pytest.mark.django_db]

ALL = 12


@pytest.fixture(autouse=True)
def _own_key(settings: Any, tmp_path: Path) -> None:
    settings.TPI_DATA_DIR = tmp_path


@pytest.fixture
def ids() -> list[int]:
    """The entries of a chain without stored checkpoints, from the first on."""
    entries(ALL, weight=1)
    audit_chain.link_all()
    return list(AuditLink.objects.order_by("position").values_list("entry_id", flat=True))


def verify() -> Report:
    return audit_verification.verify([audit_keys.public_key()])


def first(report: Report) -> tuple[str, int | None, int | None]:
    fault = report.faults[0]
    return fault.kind, fault.position, fault.entry_id


def command(*arguments: str) -> tuple[int, str]:
    said = StringIO()
    try:
        call_command("verify_audit", *arguments, stdout=said)
    except SystemExit as ending:
        return int(ending.code or 0), said.getvalue()
    return 0, said.getvalue()


def test_a_log_that_nobody_touched_is_good(ids: list[int]) -> None:
    audit_checkpoints.checkpoint()
    entries(3)
    report = verify()
    assert (report.faults, report.entries, report.checkpoints) == ([], ALL + 3, 1)
    assert (report.entries, report.head) == audit_chain.head()
    status, said = command()
    assert status == 0
    assert "15 entries verified" in said
    assert "intact" in said


def test_what_it_was_held_against_is_said(ids: list[int], tmp_path: Path) -> None:
    kept = tmp_path / "checkpoint.txt"
    call_command("audit_checkpoint", out=kept, stderr=StringIO())
    _, said = command("--checkpoint", str(kept))
    assert f"held against {kept}." in said
    assert "WARNING" not in said
    assert f"head {kept.read_text().splitlines()[2]}." in said
    _, alone = command()
    assert "WARNING: no checkpoint from outside was given" in alone
    assert "held against" not in alone


def test_an_empty_log_is_good() -> None:
    assert verify().is_good


@pytest.mark.parametrize(
    "change",
    [
        "actor_name = 'somebody else'",
        "actor_id = 77",
        "object_name = ''",
        "detail = '{}'",
        "detail = '{\"a\": 1}'",
        "outcome = 'refused'",
        "reason = 'x'",
        "at = '2020-01-01 00:00:00'",
        "actor_name = '', token_key_id = 'test'",
    ],
)
def test_a_changed_row_is_named(ids: list[int], change: str) -> None:
    tamper(f"UPDATE accounts_auditentry SET {change} WHERE id = {ids[4]}")
    assert first(verify()) == ("content", 5, ids[4])
    status, said = command()
    assert status == 1
    assert f"position 5, entry {ids[4]}," in said
    assert "NOT intact" in said


def test_text_moved_from_one_field_to_the_next_is_found(ids: list[int]) -> None:
    tamper(f"UPDATE accounts_auditentry SET action = 'test.act\x1fthing', object_type = '' WHERE id = {ids[0]}")
    assert first(verify()) == ("content", 1, ids[0])


def test_the_last_row_changed_is_found(ids: list[int]) -> None:
    tamper(f"UPDATE accounts_auditentry SET action = 'x' WHERE id = {ids[-1]}")
    assert first(verify()) == ("content", ALL, ids[-1])


def test_a_changed_link_is_named(ids: list[int]) -> None:
    tamper(f"UPDATE accounts_auditlink SET hash = {_bytes('00' * 32)} WHERE position = 3")
    assert first(verify()) == ("link", 3, ids[2])


def test_a_removed_entry_is_named(ids: list[int]) -> None:
    tamper(f"DELETE FROM accounts_auditentry WHERE id = {ids[6]}")
    assert first(verify()) == ("missing", 7, ids[6])


def test_a_cut_middle_is_found(ids: list[int]) -> None:
    _remove(ids[3:6])
    assert first(verify()) == ("missing", 4, None)


def test_a_cut_middle_that_was_closed_up_is_found(ids: list[int]) -> None:
    _remove(ids[3:6])
    for position in range(7, ALL + 1):
        tamper(f"UPDATE accounts_auditlink SET position = {position - 3} WHERE position = {position}")
    assert first(verify()) == ("content", 4, ids[6])


def test_two_rows_that_changed_places_are_found(ids: list[int]) -> None:
    here, there = ids[4], ids[8]
    tamper(
        f"UPDATE accounts_auditlink SET entry_id = -1 WHERE entry_id = {here}",
        f"UPDATE accounts_auditlink SET entry_id = {here} WHERE entry_id = {there}",
        f"UPDATE accounts_auditlink SET entry_id = {there} WHERE entry_id = -1",
    )
    assert first(verify())[:2] == ("content", 5)


def test_a_cut_tail_is_found_against_a_stored_checkpoint(ids: list[int]) -> None:
    audit_checkpoints.checkpoint()
    _remove(ids[-2:])
    assert first(verify()) == ("cut", ALL - 1, None)


def test_a_cut_tail_is_found_against_an_outside_checkpoint(ids: list[int], tmp_path: Path) -> None:
    call_command("audit_checkpoint", out=tmp_path / "kept", stderr=StringIO())
    _remove(ids[-2:])
    tamper("DELETE FROM accounts_auditcheckpoint")
    status, said = command("--checkpoint", str(tmp_path / "kept"))
    assert status == 1
    assert "its end was cut" in said
    assert f"{ALL - 2} entries verified" in said


def test_a_chain_that_was_wholly_rewritten_is_found_against_an_outside_checkpoint(
    ids: list[int], tmp_path: Path
) -> None:
    call_command("audit_checkpoint", out=tmp_path / "kept", stderr=StringIO())
    _rewrite(ids[4])
    tamper("DELETE FROM accounts_auditcheckpoint")
    assert command()[0] == 0, "without a checkpoint nobody can tell"
    status, said = command("--checkpoint", str(tmp_path / "kept"))
    assert status == 1
    assert "computed anew somewhere between positions 1 and 12" in said


def test_a_rewritten_chain_is_found_against_the_stored_checkpoints_and_bounded_by_them(ids: list[int]) -> None:
    audit_checkpoints.checkpoint()
    entries(4)
    audit_checkpoints.checkpoint()
    _rewrite(AuditEntry.objects.order_by("-pk")[1].pk)
    report = verify()
    assert first(report) == ("rewritten", ALL + 1, None)
    assert "between positions 13 and 16" in report.faults[0].sentence


def test_a_stored_checkpoint_that_was_changed_is_not_believed(ids: list[int]) -> None:
    audit_checkpoints.checkpoint()
    tamper("UPDATE accounts_auditcheckpoint SET note = replace(note, '12', '11')")
    assert [fault.kind for fault in verify().faults] == ["checkpoint"]


def test_a_checkpoint_of_another_key_is_refused(ids: list[int], tmp_path: Path, settings: Any) -> None:
    call_command("audit_checkpoint", out=tmp_path / "kept", stderr=StringIO())
    said = StringIO()
    call_command("audit_checkpoint", public_key=True, stdout=said)
    (tmp_path / "old.pub").write_text(said.getvalue())
    settings.TPI_DATA_DIR = tmp_path / "other"
    with pytest.raises(CommandError, match="no signature of it is by a key that is trusted here"):
        call_command("verify_audit", checkpoint=tmp_path / "kept")
    assert command("--checkpoint", str(tmp_path / "kept"), "--public-key", str(tmp_path / "old.pub"))[0] == 0


def test_an_entry_removed_before_it_was_chained_is_named(ids: list[int]) -> None:
    entries(1)
    last = AuditEntry.objects.latest("pk").pk
    tamper(f"DELETE FROM accounts_auditentry WHERE id = {last}")
    assert ("missing", last) in [(fault.kind, fault.entry_id) for fault in verify().faults]


def test_an_entry_removed_with_its_note_leaves_a_hole_in_the_ids_of_sqlite(ids: list[int]) -> None:
    entries(1)
    last = AuditEntry.objects.latest("pk").pk
    tamper(f"DELETE FROM accounts_auditentry WHERE id = {last}", "DELETE FROM accounts_auditpending")
    assert [fault.kind for fault in verify().faults] == (["missing"] if connection.vendor == "sqlite" else [])


def test_an_entry_that_was_kept_out_of_the_chain_is_named(ids: list[int]) -> None:
    entries(1)
    tamper("DELETE FROM accounts_auditpending")
    last = AuditEntry.objects.latest("pk").pk
    assert first(verify()) == ("unlinked", None, last)


def test_a_trigger_that_is_gone_is_named(ids: list[int]) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ALTER TABLE accounts_auditentry DISABLE TRIGGER accounts_auditentry_no_change")
        else:
            cursor.execute("DROP TRIGGER accounts_auditentry_no_update")
    report = verify()
    assert [fault.kind for fault in report.faults] == ["guard"]
    assert "accounts_auditentry_no_" in report.faults[0].sentence


@pytest.mark.parametrize(
    ("statements", "word"),
    [
        (
            {
                "sqlite": [
                    "DROP TRIGGER accounts_auditentry_no_update",
                    (
                        "CREATE TRIGGER accounts_auditentry_no_update BEFORE UPDATE ON accounts_auditentry "
                        "WHEN 0 BEGIN SELECT 1; END"
                    ),
                ],
                "postgresql": [
                    (
                        "CREATE OR REPLACE FUNCTION accounts_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
                        "$$ BEGIN RETURN NEW; END $$"
                    )
                ],
            },
            "does not do what it was made for",
        ),
        (
            {
                "sqlite": [
                    (
                        "CREATE TRIGGER zz AFTER INSERT ON accounts_auditentry WHEN NEW.actor_name = 'mallory' "
                        "BEGIN UPDATE accounts_auditentry SET actor_name = 'alice' WHERE id = NEW.id; END"
                    )
                ],
                "postgresql": [
                    (
                        "CREATE FUNCTION zz() RETURNS trigger LANGUAGE plpgsql AS "
                        "$$ BEGIN NEW.actor_name = 'alice'; RETURN NEW; END $$"
                    ),
                    "CREATE TRIGGER zz BEFORE INSERT ON accounts_auditentry FOR EACH ROW EXECUTE FUNCTION zz()",
                ],
            },
            "zz",
        ),
        (
            {
                "sqlite": [
                    "DROP TRIGGER accounts_auditlink_no_delete",
                    (
                        "CREATE TRIGGER accounts_auditlink_no_delete BEFORE UPDATE ON accounts_auditlink "
                        "BEGIN SELECT RAISE(ABORT, 'The audit log is append-only.'); END"
                    ),
                ],
                "postgresql": ["CREATE RULE zz AS ON INSERT TO accounts_auditlink DO ALSO SELECT 1"],
            },
            "audit",
        ),
    ],
    ids=["gutted", "added", "bent"],
)
def test_a_trigger_that_does_something_else_is_named(
    ids: list[int], statements: dict[str, list[str]], word: str
) -> None:
    with connection.cursor() as cursor:
        for statement in statements[connection.vendor]:
            cursor.execute(statement)
    found = verify().faults
    assert {fault.kind for fault in found} == {"guard"}
    assert all(word in fault.sentence for fault in found)


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    assert audit_keys.public_key() == audit_keys.public_key()
    assert (tmp_path / "audit-key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["audit-key"]


def test_a_key_that_is_none_is_refused(settings: Any) -> None:
    settings.TPI_AUDIT_KEY = "not a key"
    entries(1)
    with pytest.raises(CommandError, match="TPI_AUDIT_KEY must be"):
        call_command("audit_checkpoint")


def _bytes(digits: str) -> str:
    return f"decode('{digits}', 'hex')" if connection.vendor == "postgresql" else f"x'{digits}'"


def _remove(gone: list[int]) -> None:
    listed = ", ".join(map(str, gone))
    tamper(
        f"DELETE FROM accounts_auditentry WHERE id IN ({listed})",
        f"DELETE FROM accounts_auditlink WHERE entry_id IN ({listed})",
    )
    if connection.vendor == "sqlite":  # who cuts with care leaves no other trace
        tamper(
            "UPDATE sqlite_sequence SET seq = (SELECT count(*) FROM accounts_auditentry) "
            "WHERE name = 'accounts_auditentry'"
        )


def _rewrite(entry: int) -> None:
    tamper(f"UPDATE accounts_auditentry SET actor_name = 'innocent' WHERE id = {entry}")
    rechain()
