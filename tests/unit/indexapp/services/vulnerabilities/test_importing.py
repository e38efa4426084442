from __future__ import annotations

import json
import zipfile
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import Alarm, AuditEntry
from accounts.services import generations
from indexapp.models import Advisory, AdvisoryImport, AdvisoryPackage
from indexapp.services.vulnerabilities import archives, batches, importing, matching
from tests.evidence import refused
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.vulnerabilities import affected, archive, make_advisory, osv_record, take_in, told_as

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def _folder(settings: Any, tmp_path: Path) -> None:
    settings.TPI_DATA_DIR = tmp_path


def _known() -> list[str]:
    return list(Advisory.objects.filter(withdrawn_at=None).values_list("osv_id", flat=True))


def test_records_come_in_and_are_found_by_project(tmp_path: Path) -> None:
    npm = osv_record("GHSA-1", affected() | {"package": {"name": "acme-tool", "ecosystem": "npm"}})
    row = take_in(tmp_path, [osv_record(), osv_record("PYSEC-2026-2", affected("other")), npm, b"{broken"])
    assert (row.state, row.records, row.added, row.refused) == ("done", 4, 2, 1)
    assert row.finished_at is not None
    assert _known() == ["PYSEC-2026-1", "PYSEC-2026-2"]
    (found,) = matching.advisories_for("acme-tool")
    assert (found.osv_id, found.aliases, found.score, found.fixed_versions) == (
        "PYSEC-2026-1",
        ("CVE-2026-1",),
        9.8,
        ("2.0",),
    )
    assert (found.affects("1.9"), found.affects("2.0")) == (True, False)
    assert matching.advisories_for("acme") == []


def test_it_is_in_the_audit_log(tmp_path: Path) -> None:
    take_in(tmp_path, [osv_record()], source="https://user:secret@osv.tpi.example/all.zip")
    entry = AuditEntry.objects.get(action="vulnerabilities.import")
    assert (entry.detail["added"], entry.detail["state"]) == (1, "done")
    assert "secret" not in str(entry.detail) + AdvisoryImport.objects.get().source


def test_nobody_else_imports(tmp_path: Path, cast: Cast) -> None:
    path = archive(tmp_path / "all.zip", [osv_record()])
    for role in ("team_admin", "auditor", "security_officer"):
        with refused("operator-needed"):
            importing.import_archive(actor=cast.actor(role), path=path)
    assert not AdvisoryImport.objects.exists()
    importing.import_archive(actor=cast.actor("operator"), path=path)
    assert matching.has_data()


def test_what_is_remembered_is_given_up_when_data_changes(tmp_path: Path) -> None:
    assert (matching.has_data(), matching.advisories_for("acme-tool")) == (False, [])
    take_in(tmp_path, [osv_record()])
    assert (matching.has_data(), len(matching.advisories_for("acme-tool"))) == (True, 1)
    before = generations.policy()
    take_in(tmp_path, [osv_record()])
    assert generations.policy() == before, "nothing was new"
    take_in(tmp_path, [osv_record("PYSEC-2026-1", affected(fixed="1.5"), modified="2026-03-01T00:00:00Z")])
    assert generations.policy() > before
    assert not matching.advisories_for("acme-tool")[0].affects("1.9")


def test_what_is_remembered_costs_one_query(django_assert_num_queries: Any) -> None:
    make_advisory()
    matching.advisories_for("acme-tool")
    with django_assert_num_queries(1):
        matching.advisories_for("acme-tool")


def test_a_newer_record_replaces_an_older_one_and_never_the_other_way_round(tmp_path: Path) -> None:
    new = osv_record("PYSEC-2026-1", affected("renamed"), summary="New.", modified="2026-03-01T00:00:00Z")
    take_in(tmp_path, [osv_record()])
    assert take_in(tmp_path, [new]).changed == 1
    assert take_in(tmp_path, [osv_record()]).changed == 0
    assert Advisory.objects.get().summary == "New."
    assert list(AdvisoryPackage.objects.values_list("normalized_name", flat=True)) == ["renamed"]


def test_what_the_archive_has_no_more_is_withdrawn_and_comes_back_with_it(tmp_path: Path) -> None:
    both = [osv_record(), osv_record("PYSEC-2026-2")]
    take_in(tmp_path, both)
    assert take_in(tmp_path, both[:1], complete=False).withdrawn == 0
    assert take_in(tmp_path, both[:1]).withdrawn == 1
    assert _known() == ["PYSEC-2026-1"]
    assert [one.osv_id for one in matching.advisories_for("acme-tool")] == ["PYSEC-2026-1"]
    assert len(matching.every_advisory_for("acme-tool")) == 2
    assert take_in(tmp_path, both).changed == 1
    assert _known() == ["PYSEC-2026-1", "PYSEC-2026-2"]


def test_a_record_that_says_that_it_is_withdrawn_does_not_hold(tmp_path: Path) -> None:
    take_in(tmp_path, [osv_record(withdrawn="2026-01-03T00:00:00Z")])
    assert matching.has_data()
    assert matching.advisories_for("acme-tool") == []


def test_a_record_that_has_become_unreadable_is_kept_as_it_was(tmp_path: Path) -> None:
    take_in(tmp_path, [osv_record(), osv_record("PYSEC-2026-2")])
    path = archive(tmp_path / "all.zip", [osv_record()])
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("PYSEC-2026-2.json", b"{broken")
    row = importing.import_archive(actor=SYSTEM, path=path)
    assert (row.refused, row.withdrawn) == (1, 0)
    assert len(_known()) == 2


def test_an_archive_that_was_cut_short_withdraws_nothing(tmp_path: Path) -> None:
    many = [osv_record(f"PYSEC-2026-{number}") for number in range(100)]
    take_in(tmp_path, many)
    with told_as("osv-archive-shrunk"):
        take_in(tmp_path, many[:40])
    assert len(_known()) == 100
    assert AdvisoryImport.objects.first().state == "failed"  # type: ignore[union-attr]
    assert Alarm.objects.filter(code=importing.FAILED, ended_at=None).exists()
    assert take_in(tmp_path, many[:40], accept_losses=True).withdrawn == 60
    assert not Alarm.objects.filter(code=importing.FAILED, ended_at=None).exists()


def test_an_archive_of_something_else_withdraws_nothing(tmp_path: Path) -> None:
    take_in(tmp_path, [osv_record()])
    npm = osv_record("GHSA-1", affected() | {"package": {"name": "acme-tool", "ecosystem": "npm"}})
    for records in ([], [npm], [b"nothing"]):
        with told_as("osv-archive-invalid"):
            take_in(tmp_path, records)
    assert _known() == ["PYSEC-2026-1"]


def test_a_record_twice_in_an_archive_counts_by_the_newer(tmp_path: Path) -> None:
    newer = osv_record(modified="2026-03-01T00:00:00Z", summary="Newer.")
    path = archive(tmp_path / "all.zip", [newer])
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("again.json", json.dumps(osv_record()))
    importing.import_archive(actor=SYSTEM, path=path)
    assert Advisory.objects.get().summary == "Newer."


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + bytes(18) + b"rest"])
def test_what_is_no_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    path.write_bytes(content)
    with pytest.raises(archives.ArchiveInvalid, match=r"^all\.zip is no archive.* Fetch it anew") as caught:
        importing.import_archive(actor=SYSTEM, path=path)
    assert "build tool" not in caught.value.detail
    assert AdvisoryImport.objects.get().state == "failed"


def test_a_missing_archive_is_said_to_be_missing(tmp_path: Path) -> None:
    with told_as("osv-archive-invalid"):
        importing.import_archive(actor=SYSTEM, path=tmp_path / "nothing.zip")


def test_a_directory_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it says of the number of its members may be a lie."""
    monkeypatch.setattr(archives, "MAX_DIRECTORY_SIZE", 10)
    with told_as("osv-archive-invalid"):
        take_in(tmp_path, [osv_record()])


def test_a_broken_member_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "all.zip", [osv_record()])
    content = bytearray(path.read_bytes())
    content[60:80] = bytes(20)
    path.write_bytes(content)
    with pytest.raises(archives.ArchiveInvalid):
        importing.import_archive(actor=SYSTEM, path=path)


def test_too_many_members_and_too_much_content_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = archives.ArchiveLimits(max_members=2, ratio_floor=2000, max_ratio=1)
    monkeypatch.setattr(archives, "LIMITS", limits)
    with told_as("archive-too-many-members"):
        take_in(tmp_path, [osv_record(f"A-{number}") for number in range(3)])
    with told_as("archive-decompression-ceiling"):
        take_in(tmp_path, [osv_record(details="x" * 100_000)])


def test_a_record_that_is_too_large_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_RECORD_SIZE", 2000)
    row = take_in(tmp_path, [osv_record(), osv_record("PYSEC-2026-2", details="x" * 3000)])
    assert (row.added, row.refused) == (1, 1)
    assert row.unusable == [{"name": "PYSEC-2026-2", "reason": "It is too large."}]


def test_the_first_records_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    path = archive(tmp_path / "all.zip", [osv_record(), *[b"[]"] * 25])
    row = importing.import_archive(actor=SYSTEM, path=path)
    row.refresh_from_db()
    reason = "This is no OSV record that can be used: it is not an object."
    assert (row.refused, len(row.unusable)) == (25, 20)
    assert row.unusable[0] == {"name": "broken-1", "reason": reason}
    row = take_in(tmp_path, [osv_record(), b"\xff"])
    assert [one["reason"] for one in row.unusable] == [reason.replace("an object", "JSON in UTF-8")]
    with pytest.raises(archives.ArchiveInvalid):
        take_in(tmp_path, [b"{}"])
    assert [one["name"] for one in AdvisoryImport.objects.first().unusable] == ["broken-0"]  # type: ignore[union-attr]


def test_a_members_name_is_told_as_terminals_take_it(tmp_path: Path) -> None:
    path = archive(tmp_path / "all.zip", [osv_record()])
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("red\x1b[31m.json", b"{")
    assert importing.import_archive(actor=SYSTEM, path=path).unusable[0]["name"] == "red?[31m"


def test_batches_are_transactions_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "_AT_ONCE", 2)
    written, write = [], batches.write

    def failing(records: Any, counts: Any) -> None:
        write(records, counts)
        written.append(len(records))
        if len(written) == 2:
            raise RuntimeError

    monkeypatch.setattr(batches, "write", failing)
    with pytest.raises(RuntimeError):
        take_in(tmp_path, [osv_record(f"PYSEC-2026-{number}") for number in range(6)])
    assert (written, len(_known())) == ([2, 2], 4)
    assert AdvisoryImport.objects.get().state == "failed"


def test_an_import_that_was_killed_is_told_by_the_next(tmp_path: Path) -> None:
    row = AdvisoryImport.objects.create(source="all.zip", started_at=timezone.now())
    take_in(tmp_path, [osv_record()])
    row.refresh_from_db()
    assert (row.state, "killed" in row.sentence) == ("failed", True)


def test_the_command_says_what_it_did(tmp_path: Path) -> None:
    said, path = StringIO(), archive(tmp_path / "all.zip", [osv_record()])
    call_command("import_osv", str(path), stdout=said)
    assert "1 records: 1 new" in said.getvalue()
    call_command("import_osv", str(archive(path, [osv_record(), *[b"[]"] * 22])), stdout=said)
    assert "broken-1: This is no OSV record" in said.getvalue()
    assert said.getvalue().endswith("And 2 more that cannot be used.\n")
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_osv", str(tmp_path / "nothing.zip"))
