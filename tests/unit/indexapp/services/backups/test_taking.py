"""Backups of the tests' own database and storage; restoring them is in tests/functional."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts.domain.actors import ANONYMOUS
from accounts.models import Alarm, AuditEntry
from indexapp.models import Backup, Blob, Drill, File
from indexapp.services import garbage, projects
from indexapp.services.backups import leases, packing, places, restore_checks, restored, snapshots, taking, watching
from indexapp.services.backups.copying import fault_in
from indexapp.services.backups.places import Place
from indexapp.services.backups.taking import Outcome, Wish
from indexapp.services.integrity import repair
from indexapp.services.integrity.objects import examine
from indexapp.storage import StorageUnavailable, default_storage
from tests.builders.wheels import build_wheel
from tests.factories.backups import make_drill
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.publishing import published
from tests.unit.indexapp.services.integrity.spoiling import flip, raw, spoil
from tpi_site.kit import key_ring
from tpi_site.kit.errors import Invalid, NotFound, Refusal

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _no_trash(settings: Any) -> None:
    """What is deleted is gone at once."""
    settings.TPI_TRASH_DAYS = 0


NOISE = random.Random(3).randbytes(300_000)
"""What no compression changes."""


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "backups"


@pytest.fixture
def file(cast: Cast) -> File:
    return published(cast.index, build_wheel(files={"noise.bin": NOISE}))


def take(to: Path, **wish: Any) -> Outcome:
    return taking.take(actor=SYSTEM, wish=Wish(str(to), **wish))


def stored(place: Place) -> set[str]:
    return {*place.objects.names()}


def test_everything_that_the_snapshot_names_is_there_and_whole(file: File, to: Path) -> None:
    outcome = take(to)
    place = places.at(str(to), is_made=True)
    manifest = place.chosen("")
    assert manifest == outcome.manifest
    contents = [*packing.contents_of(place, manifest)]
    assert {each.sha256 for each, is_there in contents if is_there} == {*Blob.objects.values_list("sha256", flat=True)}
    assert [fault_in(each, place.objects, deep=True) for each, _ in contents] == [None] * len(contents)
    row = Backup.objects.get()
    assert (row.state, row.contents, row.copied, row.lease_until) == (Backup.State.DONE, 2, 2, None)
    assert AuditEntry.objects.get(action="backup.take").detail["manifest_sha256"] == row.manifest_sha256


def test_nothing_can_be_read_without_the_keys(file: File, to: Path) -> None:
    take(to)
    everything = b"".join(path.read_bytes() for path in to.rglob("*") if path.is_file())
    ring = key_ring.key_ring()
    assert NOISE[1000:1040] in b"".join(default_storage().read(file.blob.place))
    for word in (NOISE[1000:1040], b"acme", b"SQLite format", b"PGDMP", file.sha256.encode(), *ring.keys.values()):
        assert word not in everything


def test_a_second_one_copies_only_what_is_new(file: File, cast: Cast, to: Path) -> None:
    take(to)
    published(cast.index, build_wheel("newer"))
    again = take(to, incremental=True)
    assert again.manifest.base == places.at(str(to), is_made=True).all()[0][0].name
    assert (again.row.contents, again.row.copied) == (4, 2)
    full = take(to)
    assert (full.row.contents, full.row.copied) == (4, 0)


def test_a_full_one_mends_what_was_damaged_there_and_an_incremental_one_does_not_look(file: File, to: Path) -> None:
    take(to)
    place = places.at(str(to), is_made=True)
    name = file.blob.object_name
    _replace(place, name, flip(-1)(_raw(place, name)))
    assert take(to, incremental=True).row.copied == 0
    assert take(to).row.copied == 1
    assert _raw(place, name) == raw(name)


def _raw(place: Place, name: str) -> bytes:
    stream = place.objects.open(name)
    try:
        return b"".join(iter(lambda: stream.read(2**20), b""))
    finally:
        stream.close()


def _replace(place: Place, name: str, content: bytes) -> None:
    with place.objects.spool() as spool:
        spool.file.write(content)
        place.objects.replace(name, spool)


def test_an_incremental_one_of_nothing_is_a_full_one_and_says_so(file: File, to: Path) -> None:
    row = take(to, incremental=True).row
    assert row.kind == Backup.Kind.FULL
    assert "there is no backup of this installation" in row.sentence


@pytest.fixture
def _ring_of_its_own(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.TPI_KEYRING = f"file:{tmp_path / 'ring.json'}"
    key_ring.forget()
    yield
    key_ring.forget()


@pytest.mark.usefixtures("_ring_of_its_own")
def test_after_the_old_key_was_removed_the_next_one_is_full_and_older_ones_go_again(cast: Cast, to: Path) -> None:
    """What was backed up before cannot be read under the ring any more; backups go on without it."""
    published(cast.index, build_wheel())
    before = [take(to, keep=2).manifest.name for _ in range(2)]
    old = key_ring.key_ring().current
    call_command("rotate_keys", stdout=io.StringIO())
    call_command("rotate_keys", remove=old, stdout=io.StringIO())
    told = io.StringIO()
    with pytest.raises(SystemExit):  # nothing is removed yet, which is told
        call_command("backup", str(to), incremental=True, keep=2, stdout=told)
    assert f"it is a full one, because the list of the backup {before[1]} cannot be read" in told.getvalue()
    assert [row.kind for row in Backup.objects.filter(state=Backup.State.DONE)] == ["full"] * 3
    last = take(to, incremental=True, keep=2)
    assert (last.row.kind, last.removed.backups, last.doubts) == ("incremental", tuple(before), ())


def test_a_backup_is_good_though_nothing_can_be_removed(file: File, to: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket that lets nobody delete, for one."""
    take(to)
    with monkeypatch.context() as patch:
        patch.setattr(Place, "forget", _denied)
        second = take(to, keep=1)
    assert Backup.objects.get(pk=second.row.pk).state == Backup.State.DONE
    assert AuditEntry.objects.get(action="backup.retain").detail["doubted"] == 1
    rung = {*Alarm.objects.filter(ended_at=None).values_list("code", flat=True)}
    assert rung == {taking.DOUBTED}
    assert take(to, keep=1).doubts == ()


def _denied(*_: object) -> None:
    raise StorageUnavailable("AccessDenied")


def test_what_the_storage_has_lost_is_told_and_keeps_nothing_else_from_being_saved(file: File, to: Path) -> None:
    spoil(file, flip(-1))
    outcome = take(to)
    assert outcome.damaged == (file.blob.object_name,)
    assert outcome.row.state == Backup.State.DAMAGED
    assert stored(places.at(str(to), is_made=True)) == {
        *Blob.objects.exclude(pk=file.blob_id).values_list("object_name", flat=True)
    }
    assert Alarm.objects.filter(code=taking.DAMAGED, ended_at=None).exists()
    contents = dict(packing.contents_of(places.at(str(to), is_made=True), outcome.manifest))
    assert sorted(contents.values()) == [False, True]


def test_what_the_backup_has_lost_is_told_of_the_backup(file: File, to: Path) -> None:
    manifest = take(to).manifest
    place = places.at(str(to))
    place.objects.delete(file.blob.object_name)
    found = restore_checks.check(place, manifest, restore_checks.Target(used_storage=True))
    [lost] = [problem for problem in found.problems if problem.code == "blob-missing"]
    assert lost.sentence == f"the object {file.blob.object_name} is not in the backup"


def test_fsck_repairs_from_it(file: File, to: Path) -> None:
    take(to)
    spoil(file, flip(-1))
    fault = examine(file.blob, default_storage(), deep=True)
    assert fault is not None
    assert repair.repair(actor=SYSTEM, fault=fault, source=repair.source_at(str(to)))
    assert examine(Blob.objects.get(pk=file.blob_id), default_storage(), deep=True) is None


def test_an_object_that_was_put_anew_with_another_key_is_as_good_and_a_full_one_takes_it(file: File, to: Path) -> None:
    first = take(to).manifest
    blob = file.blob
    with default_storage().spool() as spool:
        spool.file.write(b"".join(default_storage().read(blob.place)))
        place = default_storage().restore(blob.sha256, spool)
    Blob.objects.filter(pk=blob.pk).update(sealed_key=place.sealed_key)
    take(to)
    where = places.at(str(to), is_made=True)
    assert [fault_in(each, where.objects, deep=True) for each, _ in packing.contents_of(where, first)] == [None, None]


def collect() -> int:
    Blob.objects.update(unreferenced_since=timezone.now() - timedelta(days=9))
    return garbage.collect(older_than=timezone.now() - timedelta(days=2))


def test_nothing_is_collected_while_a_backup_runs(file: File, to: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is deleted and the collection comes after the snapshot, before its contents are copied."""
    really, collected = taking._list, []

    def collected_meanwhile(snapshot: Any, listed: Any) -> None:
        really(snapshot, listed)
        projects.delete(actor=SYSTEM, project=file.project)
        collected.append(collect())

    monkeypatch.setattr(taking, "_list", collected_meanwhile)
    outcome = take(to)
    assert collected == [0]
    assert (outcome.row.copied, outcome.row.damaged) == (2, 0)
    assert collect() == 2


def test_a_backup_that_died_keeps_nothing_for_ever(file: File, to: Path) -> None:
    row = leases.begin("20260101T000000Z-000000", str(to), "full")
    projects.delete(actor=SYSTEM, project=file.project)
    assert collect() == 0
    Backup.objects.filter(pk=row.pk).update(lease_until=timezone.now())
    assert collect() == 2


def test_what_is_kept_is_kept_with_all_that_it_needs(file: File, cast: Cast, to: Path) -> None:
    take(to)
    projects.delete(actor=SYSTEM, project=file.project)
    collect()
    published(cast.index, build_wheel("newer"))
    second = take(to, incremental=True)
    third = take(to, incremental=True, keep=2)
    place = places.at(str(to), is_made=True)
    assert [each.name for each in place.all()[0]] == [second.manifest.name, third.manifest.name]
    assert third.removed.backups == (second.manifest.base,)
    assert stored(place) == {*Blob.objects.values_list("object_name", flat=True)}
    for manifest in (second.manifest, third.manifest):
        assert all(fault_in(each, place.objects, deep=True) is None for each, _ in packing.contents_of(place, manifest))
        assert all(b"".join(place.opened(part)) for part in manifest.parts)


def test_a_manifest_that_cannot_be_read_keeps_everything(file: File, to: Path) -> None:
    take(to)
    take(to)
    place = places.at(str(to), is_made=True)
    with place.manifests.spool() as spool:
        spool.file.write(b"?")
        place.manifests.put("ab/" + "0" * 62, spool)
    third = take(to, keep=1)
    assert "Nothing is removed" in third.removed.held
    assert third.row.state == Backup.State.DONE
    assert len(place.all()[0]) == 3
    assert Alarm.objects.filter(code=taking.DOUBTED, ended_at=None).exists()


def test_what_went_on_when_it_was_made_goes_on_nowhere_when_it_was_restored(file: File, to: Path) -> None:
    """Its own row in the database says that it runs; nobody is to be told that it died."""
    manifest = take(to).manifest
    Backup.objects.update(state=Backup.State.RUNNING, lease_until=timezone.now())
    make_drill(report_sha256="")
    done = make_drill()
    restored.record(actor=SYSTEM, place=places.at(str(to)), manifest=manifest)
    watching.look()
    assert [*Backup.objects.values_list("state", flat=True)] == [Backup.State.DONE]
    assert [*Drill.objects.all()] == [done]
    assert not Alarm.objects.filter(ended_at=None).exists()


def test_one_that_breaks_off_leaves_no_backup_and_the_next_one_goes_on(
    file: File, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Place, "keep", _out_of_space)
        with pytest.raises(OSError, match="No space"):
            take(to)
    assert places.at(str(to), is_made=True).all() == ([], [])
    assert Backup.objects.get().state == Backup.State.FAILED
    assert not leases_held()
    assert Alarm.objects.filter(code=taking.FAILED, ended_at=None).exists()
    assert take(to).row.copied == 0
    assert not Alarm.objects.filter(code=taking.FAILED, ended_at=None).exists()
    assert not [*snapshots.scratch_folder().glob("backup-*")]


def _out_of_space(*_: object) -> str:
    raise OSError(28, "No space left on device")


def leases_held() -> bool:
    return Backup.objects.filter(lease_until__gt=timezone.now()).exists()


def test_only_operators_and_administrators_make_one(cast: Cast, to: Path) -> None:
    for role in ("operator", "administrator"):
        taking.take(actor=cast.actor(role), wish=Wish(str(to)))
    for actor in (ANONYMOUS, cast.actor("auditor"), cast.actor("security_officer"), cast.actor("team_admin")):
        with pytest.raises(Refusal):
            taking.take(actor=actor, wish=Wish(str(to)))
    assert Backup.objects.count() == 2


def test_places_that_are_none(to: Path, settings: Any) -> None:
    for address in ("ftp://tpi.example/a", settings.TPI_STORAGE_URL, f"{settings.TPI_STORAGE_URL}/?a=b", "s3:///x"):
        with pytest.raises(Invalid):
            places.at(address, is_made=True)
    with pytest.raises(NotFound):
        places.at(str(to))
    assert not to.exists()
