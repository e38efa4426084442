"""What is asked for ahead is taken only where it follows; work side by side tells what became of it."""

from __future__ import annotations

from typing import Any

import pytest

from indexapp.clients.primary import PrimaryFailed
from indexapp.domain.replication.batches import Batch
from indexapp.services.replication.ahead import Ahead
from indexapp.services.replication.side_by_side import SideBySide


class Giving:
    """A primary that gives a batch for each wish, and fails for the serials named."""

    def __init__(self, *failing: int) -> None:
        self.asked: list[int] = []
        self._failing = failing

    def batch(self, wish: Any) -> Batch:
        self.asked.append(wish["since"])
        if wish["since"] in self._failing:
            raise PrimaryFailed("It broke.", "bad-answer")
        return Batch({"since": wish["since"]})


def wish(since: int, **others: Any) -> dict[str, Any]:
    return {"since": since, "epoch": "e", "generations": {"access": 1}} | others


def test_what_was_asked_ahead_is_not_asked_again() -> None:
    primary = Giving()
    with Ahead(primary) as ahead:  # type: ignore[arg-type]
        ahead.ask(wish(5, counters={"old": {}}))
        assert ahead.batch(wish(5, counters={"new": {}})).head == {"since": 5}
    assert primary.asked == [5]


@pytest.mark.parametrize("other", [{"since": 6}, {"epoch": "f"}, {"generations": {"access": 2}}])
def test_what_does_not_follow_is_thrown_away(other: dict[str, Any]) -> None:
    primary = Giving()
    with Ahead(primary) as ahead:  # type: ignore[arg-type]
        ahead.ask(wish(5))
        wanted = wish(5) | other
        assert ahead.batch(wanted).head == {"since": wanted["since"]}
    assert primary.asked == [5, wanted["since"]]


def test_what_failed_ahead_is_told_when_its_turn_comes() -> None:
    with Ahead(Giving(5)) as ahead:  # type: ignore[arg-type]
        ahead.ask(wish(5))
        with pytest.raises(PrimaryFailed):
            ahead.batch(wish(5))
        assert ahead.batch(wish(4)).head == {"since": 4}


def test_work_side_by_side_is_counted_and_its_errors_are_raised() -> None:
    def fails() -> int:
        raise ValueError("no")

    with SideBySide[int](2) as sides:
        sides.give(frozenset([1, 2]), lambda: 2)
        assert sides.done(3) == [2]
        sides.give(frozenset([3]), fails)
        with pytest.raises(ValueError, match="no"):
            sides.done(1)
        assert not sides.doing
        sides.give(frozenset([4]), lambda: 1)
        assert sides.done(1) == [1], "a thread goes on after an error"
