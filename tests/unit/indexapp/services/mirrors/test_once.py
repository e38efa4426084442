"""Small things that are fetched once, and whose mirrors leave each other room."""

from __future__ import annotations

from threading import Event

import pytest

from indexapp.services.mirrors import once
from indexapp.services.mirrors.once import Once
from indexapp.services.mirrors.places import Places
from tpi_site.kit.errors import Unavailable

_PATIENCE = 20.0
_OTHER = 100


def test_one_mirror_has_half_of_the_places_and_they_take_turns() -> None:
    places: Places[int] = Places(4)
    for number in range(4):
        places.add("slow", number)
    for number in range(10, 13):
        places.add("other", number)
    taken = [places.take() for _ in range(5)]
    assert taken == [("slow", 0), ("other", 10), ("slow", 1), ("other", 11), None]
    places.leave("other")
    assert places.take() == ("other", 12)
    places.leave("slow")
    assert (places.take(), places.take(), places.taken) == (("slow", 2), None, 4)


def test_a_slow_mirror_keeps_no_other_from_being_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once, "_THREADS", 2)
    goes_on = Event()

    def wait(row: int) -> None:
        if row < _OTHER:
            goes_on.wait(_PATIENCE)

    work = Once("test-once", wait)
    slow = [work.fetch(row, "slow", lambda row=row: row) for row in range(3)]  # type: ignore[misc]
    assert work.fetch(_OTHER, "other", lambda: "here").result(_PATIENCE) == "here"
    assert not any(each.done() for each in slow)
    goes_on.set()
    assert [each.result(_PATIENCE) for each in slow] == [0, 1, 2]


def test_who_asks_meanwhile_is_answered_too_and_a_refusal_is_for_all() -> None:
    goes_on, asked = Event(), []

    def work(row: int) -> None:
        asked.append(row)
        goes_on.wait(_PATIENCE)
        if row:
            raise Unavailable("Not now.")

    fetched = Once("test-once", work)
    answers = [fetched.fetch(0, "outside", lambda place=place: place) for place in range(3)]  # type: ignore[misc]
    refused = [fetched.fetch(1, "outside", lambda: None) for _ in range(2)]
    goes_on.set()
    assert [each.result(_PATIENCE) for each in answers] == [0, 1, 2]
    for each in (*refused, fetched.fetch(1, "outside", lambda: None)):
        with pytest.raises(Unavailable, match="Not now"):
            each.result(_PATIENCE)
    assert sorted(asked) == [0, 1]
