"""A preview says what the filters then do: the same files and bytes, and it changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.domain.actors import Actor
from indexapp.domain.copy_filter import CopyFilter
from indexapp.domain.replication.holding import Hold
from indexapp.models import File, Following, Holding, Index, NotHeld, WantedBlob
from indexapp.services import garbage
from indexapp.services.replication import budget, choosing, epochs, holding, previewing
from indexapp.services.replication.previewing import Preview, Tally
from tests import evidence
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.publishing import make_index, published
from tests.factories.replication import make_following
from tests.unit.indexapp.services.replication.test_holding import size_of, sweep
from tpi_site.kit.errors import Forbidden, Invalid

pytestmark = [pytest.mark.django_db, pytest.mark.database]
VERSIONS = ("1.0", "2.0", "3.0")


@pytest.fixture
def files(main: Index) -> dict[str, File]:
    """Of one project by version, and one of another index; all here, and this site a replica."""
    epochs.current()
    made = {version: published(main, build_wheel("tool", version)) for version in VERSIONS}
    made["other"] = published(make_index("again"), build_wheel("other"))
    make_following()
    return made


def filters(indexes: tuple[str, ...] = (), **values: Any) -> Hold:
    return Hold(indexes, (), CopyFilter(**({"with_prereleases": True} | values)))


def shown(wanted: Hold, most: int | None = None) -> Preview:
    return previewing.preview(actor=SYSTEM, wanted=wanted, budget=most)


def applied(wanted: Hold, most: int | None = None) -> None:
    choosing.hold(actor=SYSTEM, wanted=wanted, budget=most)
    budget.forget_all()
    holding.go_on()
    budget.keep()


def tally(*files: File) -> Tally:
    return Tally(len(files), size_of(*files))


def test_what_would_be_dropped_is_what_is_dropped(files: dict[str, File]) -> None:
    before = evidence.rows()
    found = shown(filters(newest=1))
    assert evidence.rows() == before, "nothing is written"
    assert found.moves.dropped == found.moves.left_out == tally(files["1.0"], files["2.0"])
    assert found.moves.held == tally(files["3.0"], files["other"])
    assert found.moves.fetched == found.moves.cancelled == Tally()
    assert {name: moves.dropped.files for name, moves in found.indexes.items()} == {"main": 2, "again": 0}
    assert (found.is_whole, found.projects, found.of_projects) == (True, 2, 2)
    applied(filters(newest=1))
    assert holding.not_held() == (found.moves.dropped.files, found.moves.dropped.bytes)
    assert shown(filters(newest=1)).moves.dropped == Tally(), "they are gone already"


def test_what_would_be_fetched_is_what_is_then_wanted(files: dict[str, File]) -> None:
    second, both = tally(files["2.0"]), tally(files["1.0"], files["2.0"])
    applied(filters(newest=1))
    assert shown(filters()).moves.fetched == Tally(), "it is still here until the garbage goes"
    sweep()
    found = shown(filters(newest=2))
    assert found.moves.fetched == second
    everything = shown(filters())
    assert everything.moves.fetched == both
    applied(filters())
    assert sum(row.size for row in WantedBlob.objects.all()) == everything.moves.fetched.bytes
    again = shown(filters(newest=1))
    assert (again.moves.cancelled, again.moves.dropped) == (both, Tally())


@pytest.mark.parametrize("share", [0, 1, 2, 3, 4])
def test_a_budget_is_tried_out_as_it_is_kept(files: dict[str, File], share: int) -> None:
    """Newer before older, over all indexes."""
    order = [files["other"], files["3.0"], files["2.0"], files["1.0"]]
    most = max(1, size_of(*order[:share]))
    found = shown(filters(), most)
    assert found.moves.held == tally(*order[:share])
    assert found.moves.dropped == tally(*order[share:])
    applied(filters(), most)
    assert set(File.objects.filter(blob__isnull=False)) == set(order[:share])
    assert holding.not_held() == (found.moves.left_out.files, found.moves.left_out.bytes)


def test_what_a_filter_leaves_out_takes_no_room_of_the_budget(files: dict[str, File]) -> None:
    most = size_of(files["2.0"], files["3.0"])
    wanted = filters(indexes=("main",))
    found = shown(wanted, most)
    assert found.moves.held == tally(files["2.0"], files["3.0"])
    applied(wanted, most)
    assert set(NotHeld.objects.values_list("file", flat=True)) == {files["1.0"].pk, files["other"].pk}


def test_without_time_it_tells_what_it_has_seen(files: dict[str, File], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previewing, "_PORTION", 1)
    found = previewing.preview(actor=SYSTEM, wanted=filters(indexes=("none",)), patience=0.0)
    assert (found.is_whole, found.projects, found.of_projects) == (False, 1, 2)
    assert found.moves.dropped == tally(*(files[version] for version in VERSIONS))


def test_where_nobody_is_followed_nothing_would_move(files: dict[str, File]) -> None:
    Following.objects.all().delete()
    assert shown(filters(newest=1)) == Preview(of_projects=0)
    garbage.mark()
    assert not Holding.objects.exists()


def test_what_cannot_be_said_is_not_tried_out(files: dict[str, File], cast: Cast) -> None:
    with pytest.raises(Invalid, match="newest"):
        shown(filters(newest=0))
    with pytest.raises(Invalid, match="budget"):
        shown(filters(), -1)
    other: Actor = cast.actor("operator")
    with pytest.raises(Forbidden):
        previewing.preview(actor=other, wanted=filters())
