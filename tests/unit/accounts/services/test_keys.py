from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import AuditEntry, AuditSink, Authenticator
from accounts.services import audit_senders, authenticators, one_time_codes
from accounts.services.keys import rewrapping, sealed_columns
from accounts.services.keys import ring as rings
from indexapp.models import Blob
from indexapp.storage import default_storage
from tests import evidence
from tests.factories.cast import Cast
from tests.factories.factors import with_factor
from tests.factories.people import SYSTEM
from tests.factories.publishing import make_index, published
from tpi_site.kit import key_ring, sealing
from tpi_site.kit.errors import Refusal

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture
def ring(settings: Any, tmp_path: Path) -> Path:
    """A ring of this test's own, from before rings told their naming key."""
    path = tmp_path / "keyring.json"
    settings.TPI_KEYRING = f"file:{path}"
    key_ring.key_ring()
    found = json.loads(path.read_text())
    del found["naming"]
    path.write_text(json.dumps(found))
    return path


@pytest.fixture
def sealed(ring: Path, cast: Cast) -> str:
    """One text in each column, under the key that is told."""
    published(make_index("sealed"))
    with_factor(cast.reader)
    sink = AuditSink.objects.create(name="sink", kind="http", address="https://siem.tpi.example/")
    sink.secret = sealing.seal("word", audit_senders.purpose(sink))
    sink.save()
    return key_ring.key_ring().current


def contents() -> dict[str, bytes]:
    return {blob.sha256: b"".join(default_storage().read(blob.place)) for blob in Blob.objects.all()}


def secrets() -> list[str]:
    rows = Authenticator.objects.select_related("user").order_by("pk")
    return [
        *(sealing.unseal(row.secret, one_time_codes.purpose(row.user)) for row in rows),
        *(sealing.unseal(row.secret, audit_senders.purpose(row)) for row in AuditSink.objects.all()),
    ]


def key_ids() -> set[str]:
    return {key_id for column in sealed_columns.columns() for key_id in column.by_key()}


def test_everything_opens_after_a_rotation_and_without_the_old_key(sealed: str, ring: Path) -> None:
    before, known, naming = contents(), secrets(), key_ring.key_ring().naming
    assert before
    assert len(known) >= 2
    call_command("rotate_keys")
    new = key_ring.key_ring().current
    assert new != sealed
    assert key_ids() == {new}
    call_command("rotate_keys", remove=sealed)
    assert set(json.loads(ring.read_text())["keys"]) == {new}
    assert stat.S_IMODE(ring.stat().st_mode) == 0o600
    assert key_ring.key_ring().naming == naming
    assert (contents(), secrets()) == (before, known)
    actions = AuditEntry.objects.filter(action__startswith="keys.").order_by("pk").values_list("action", "object_name")
    assert list(actions) == [("keys.add", new), ("keys.rewrap", new), ("keys.remove", sealed)]


def test_the_ring_shows_up_nowhere_but_in_its_file(sealed: str, ring: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("rotate_keys")
    keys = json.loads(ring.read_text())["keys"].values()
    told = capsys.readouterr().out + str(list(AuditEntry.objects.values()))
    assert not any(key in told for key in keys)


def test_a_rotation_that_was_cut_short_is_finished_without_another_key(
    sealed: str, ring: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewrapping, "_BATCH", 1)
    before, known = contents(), secrets()
    rings.add_key(actor=SYSTEM)
    new = key_ring.key_ring().current
    total = rewrapping.waiting()

    def stop(_seen: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rewrapping.rewrap_all(actor=SYSTEM, on_progress=stop)
    assert rewrapping.waiting() == total - 1
    assert key_ids() == {sealed, new}
    with evidence.refused("key-in-use"):
        rings.remove_key(actor=SYSTEM, key_id=sealed)
    call_command("rotate_keys")
    assert key_ids() == {new}
    assert set(json.loads(ring.read_text())["keys"]) == {sealed, new}
    rings.remove_key(actor=SYSTEM, key_id=sealed)
    assert (contents(), secrets()) == (before, known)


def test_what_somebody_wrote_meanwhile_stays(sealed: str) -> None:
    rings.add_key(actor=SYSTEM)
    sink = AuditSink.objects.get()
    column = next(column for column in sealed_columns.columns() if column.model is AuditSink)
    anew = key_ring.key_ring().rewrapped(sink.secret, audit_senders.purpose(sink))
    newer = sealing.seal("newer", audit_senders.purpose(sink))
    AuditSink.objects.update(secret=newer)
    rewrapping._write(column, [(anew, sink.pk, sink.secret)])
    assert AuditSink.objects.get().secret == newer


def test_nothing_is_wrapped_with_a_key_that_was_removed_meanwhile(sealed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another administrator rotates again and removes the key that the run began with, which wraps nothing yet."""
    before, known = contents(), secrets()
    first = Authenticator.objects.earliest("pk")
    good = first.secret
    Authenticator.objects.filter(pk=first.pk).update(secret=f"s1.{sealed}.AAAA")  # seen first, and not wrapped
    monkeypatch.setattr(rewrapping, "_BATCH", 1)
    meanwhile, begun_with = list[str](), rings.add_key(actor=SYSTEM)

    def rotate_once(_seen: int) -> None:
        if not meanwhile:
            meanwhile.append(rings.add_key(actor=SYSTEM))
            rings.remove_key(actor=SYSTEM, key_id=begun_with)

    outcome = rewrapping.rewrap_all(actor=SYSTEM, on_progress=rotate_once)
    assert (outcome.current, outcome.unopenable) == (meanwhile[0], 1)
    Authenticator.objects.filter(pk=first.pk).update(secret=good)
    assert key_ids() == {meanwhile[0], sealed}
    assert (contents(), secrets()) == (before, known)


def test_the_ring_does_not_change_between_wrapping_and_writing(sealed: str) -> None:
    """Whoever would change the ring waits for the transaction that writes, which so begins with the lock of the ring."""
    rings.add_key(actor=SYSTEM)
    ours = {column.model._meta.db_table for column in sealed_columns.columns()}
    seen: list[str] = []

    def noting(execute: Any, sql: str, *rest: Any) -> Any:
        if "advisory_xact_lock_shared" in sql:
            seen.append("lock")
        elif sql.startswith(("SAVEPOINT", "RELEASE SAVEPOINT")):
            seen.append(sql.partition(" ")[0])
        elif sql.startswith("UPDATE") and any(f'"{table}"' in sql for table in ours):
            seen.append("write")
        return execute(sql, *rest)

    with connection.execute_wrapper(noting):
        rewrapping.rewrap_all(actor=SYSTEM)
    needed = ["SAVEPOINT", "lock", "write"] if connection.vendor == "postgresql" else ["SAVEPOINT", "write"]
    writes = [number for number, what in enumerate(seen) if what == "write"]
    assert writes
    for number in writes:
        assert seen[number + 1 - len(needed) : number + 1] == needed


def test_a_text_that_opens_with_no_key_is_told_and_keeps_its_key_in_the_ring(sealed: str) -> None:
    broken = f"s1.{sealed}.AAAA"
    AuditSink.objects.update(secret=broken)
    with pytest.raises(CommandError, match="1 texts open with no key"):
        call_command("rotate_keys")
    assert AuditSink.objects.get().secret == broken
    assert rings.users_of(sealed) == {"secrets of audit sinks": 1}
    with evidence.refused("key-in-use"):
        rings.remove_key(actor=SYSTEM, key_id=sealed)


def test_the_current_key_and_unknown_ones_are_not_removed(sealed: str) -> None:
    with evidence.refused("key-current"):
        rings.remove_key(actor=SYSTEM, key_id=sealed)
    with evidence.refused("key-unknown"):
        rings.remove_key(actor=SYSTEM, key_id="other")


def test_a_ring_in_a_variable_is_told_and_then_wraps(
    sealed: str, ring: Path, settings: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RING", ring.read_text())
    settings.TPI_KEYRING = "env:RING"
    before = contents()
    with pytest.raises(Refusal):
        rings.add_key(actor=SYSTEM)
    call_command("rotate_keys")
    monkeypatch.setenv("RING", capsys.readouterr().out.splitlines()[-1])
    call_command("rotate_keys")
    assert key_ids() == {key_ring.key_ring().current} != {sealed}
    with pytest.raises(Refusal):
        rings.remove_key(actor=SYSTEM, key_id=sealed)
    call_command("rotate_keys", remove=sealed)
    found = json.loads(key_ring.as_json(key_ring.key_ring()))
    del found["keys"][sealed]
    monkeypatch.setenv("RING", json.dumps(found))
    assert contents() == before


def test_a_secret_begun_before_the_rotation_is_confirmed_after_it(ring: Path, cast: Cast) -> None:
    person = cast.user("reader")
    number = authenticators.begin(actor=cast.actor("reader"), user=person)
    old, secret = key_ring.key_ring().current, authenticators.being_set_up(person, number)
    call_command("rotate_keys")
    call_command("rotate_keys", remove=old)
    assert authenticators.being_set_up(person, number) == secret != ""


def test_a_ring_that_vanishes_is_not_made_anew(sealed: str, ring: Path) -> None:
    before = contents()
    ring.unlink()
    assert contents() == before
    assert not ring.exists()
