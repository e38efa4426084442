"""Manifests that somebody else has put at the place: told of, never counted, never built upon, and nothing goes for them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts.models import Alarm
from indexapp.domain.backup_manifest import Manifest, code
from indexapp.models import Backup, File
from indexapp.services.backups import authenticity, places, restore_checks, taking
from indexapp.services.backups.places import Place
from indexapp.services.backups.restore_checks import Target
from indexapp.services.backups.taking import Outcome, Wish
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.publishing import published
from tpi_site.kit import key_ring
from tpi_site.kit.keys.ring import with_new_key

pytestmark = [pytest.mark.django_db(transaction=True)]
FUTURE = datetime(2099, 1, 1, tzinfo=UTC)


@pytest.fixture
def file(cast: Cast) -> File:
    return published(cast.index, build_wheel())


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "backups"


@pytest.fixture
def _ring_of_its_own(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.TPI_KEYRING = f"file:{tmp_path / 'ring.json'}"
    yield
    key_ring.forget()


def take(to: Path, **wish: Any) -> Outcome:
    return taking.take(actor=SYSTEM, wish=Wish(str(to), **wish))


def at(to: Path) -> Place:
    return places.at(str(to), is_made=True)


def names(to: Path) -> set[str]:
    return {each.name for each in at(to).all()[0]}


def forge(to: Path, manifest: Manifest, number: int, **changes: Any) -> Manifest:
    """What who may only put can do: a copy of a real one with another name and time, whose code is not right then."""
    forged = replace(manifest, name=f"2099010{number}T000000Z-abcde{number}", made_at=FUTURE, **changes)
    at(to).keep(forged)
    return forged


def listed(to: Path) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("backups", str(to), stdout=out)
    except SystemExit as left:
        return int(str(left.code)), out.getvalue()
    return 0, out.getvalue()


def test_forged_manifests_do_not_make_genuine_backups_go(file: File, to: Path) -> None:
    first, second = take(to).manifest, take(to).manifest
    assert listed(to)[0] == 0
    forged = [forge(to, first, 1), forge(to, first, 2)]
    third = take(to, incremental=True, keep=2)
    assert third.manifest.base == second.name
    assert names(to) == {each.name for each in (first, second, third.manifest, *forged)}
    assert third.row.state == Backup.State.DONE
    assert third.removed.backups == ()
    assert "Nothing is removed" in third.removed.held
    alarm = Alarm.objects.get(code=taking.DOUBTED, ended_at=None)
    assert forged[0].name in alarm.sentence
    left_with, told = listed(to)
    assert left_with == 1
    for each in forged:
        assert f"NOT BELIEVED {each.name}: its code is not right" in told
        at(to).forget(each.name)
    last = take(to, incremental=True, keep=2)
    assert last.doubts == ()
    assert names(to) == {third.manifest.name, last.manifest.name}
    assert not Alarm.objects.filter(code=taking.DOUBTED, ended_at=None).exists()


def test_one_of_another_ring_keeps_everything_too_and_is_told_of(file: File, to: Path) -> None:
    first = take(to).manifest
    forge(to, first, 1, mac_key="ffffffff", installation="somebody")
    second = take(to, keep=1)
    assert len(names(to)) == 3
    assert "its key 'ffffffff' is not in it" in second.doubts[0]


def test_a_genuine_one_of_a_time_ahead_is_kept_and_neither_the_newest_nor_counted(file: File, to: Path) -> None:
    first = take(to).manifest
    early = replace(first, name="20990101T000000Z-abcdef", made_at=timezone.now() + timedelta(days=1), mac="")
    early = replace(early, mac=code(early, key_ring.key_ring().keys[early.mac_key]))
    at(to).keep(early)
    assert authenticity.chosen(at(to), "", authenticity.recorded)[0] == first
    second = take(to, incremental=True, keep=1).manifest
    assert second.base == first.name
    assert names(to) == {early.name, second.name}
    assert listed(to)[0] == 1


def test_what_was_put_over_a_recorded_one_is_not_believed_though_its_code_is_right(file: File, to: Path) -> None:
    first = take(to).manifest
    other = replace(first, serial=0, mac="")
    other = replace(other, mac=code(other, key_ring.key_ring().keys[other.mac_key]))
    at(to).forget(first.name)
    at(to).keep(other)
    found = authenticity.survey(at(to), authenticity.recorded)
    assert (found.proved, [each.name for each, _ in found.doubted]) == ([], [first.name])
    assert authenticity.survey(at(to), authenticity.unrecorded).proved == [other]


def problems(place: Place, manifest: Manifest, digest: str = "") -> list[str]:
    target = Target(used_storage=True, manifest_sha256=digest)
    found = [each.code for each in restore_checks.check(place, manifest, target).problems]
    return [each for each in found if each.startswith("manifest-")]


@pytest.mark.usefixtures("_ring_of_its_own")
def test_the_code_of_a_key_that_others_know_proves_nothing_and_a_recorded_digest_does(file: File, to: Path) -> None:
    genuine = take(to).manifest
    ring = key_ring.key_ring()
    known = ring.current
    key_ring.replace_file(key_ring.given_up(with_new_key(ring), known))
    key_ring.forget()
    forged = replace(genuine, name="20260101T000000Z-abcdef", serial=1, mac="")
    forged = replace(forged, mac=code(forged, ring.keys[known]))
    at(to).keep(forged)
    place = at(to)
    found = authenticity.survey(place, authenticity.recorded)
    assert (found.proved, [each for each, _ in found.doubted]) == ([genuine], [forged])
    assert "given up because others know it" in found.doubted[0][1]
    assert problems(place, forged) == ["manifest-key-given-up"]
    assert problems(place, forged, genuine.sha256) == ["manifest-tampered"]
    digest = Backup.objects.get(name=genuine.name).manifest_sha256
    assert problems(place, genuine) == ["manifest-key-given-up"]
    assert problems(place, genuine, digest) == []
