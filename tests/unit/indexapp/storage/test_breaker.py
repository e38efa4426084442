"""The circuit breaker, with a clock of the test's."""

from __future__ import annotations

import pytest

from indexapp.storage.breaker import Breaker
from indexapp.storage.protocol import StorageUnavailable


class _Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture
def breaker(clock: _Clock) -> Breaker:
    return Breaker(failures=3, pause=10.0, clock=clock)


def _fail(breaker: Breaker, times: int) -> None:
    for number in range(times):
        breaker.failed(f"no answer, number {number}")


def _is_closed(breaker: Breaker) -> bool:
    try:
        breaker.require_closed()
    except StorageUnavailable:
        return False
    return True


def test_it_opens_after_so_many_failures_in_a_row(breaker: Breaker) -> None:
    _fail(breaker, 2)
    assert _is_closed(breaker)
    _fail(breaker, 1)
    assert not _is_closed(breaker)


def test_an_answer_between_begins_the_count_anew(breaker: Breaker) -> None:
    _fail(breaker, 2)
    breaker.answered()
    _fail(breaker, 2)
    assert _is_closed(breaker)


def test_it_says_what_was_the_matter_and_for_how_long_it_waits(breaker: Breaker, clock: _Clock) -> None:
    _fail(breaker, 3)
    clock.now += 4
    with pytest.raises(StorageUnavailable, match=r"^It is not asked for 6 s: no answer, number 2$"):
        breaker.require_closed()


def test_after_the_pause_one_request_tries(breaker: Breaker, clock: _Clock) -> None:
    _fail(breaker, 3)
    clock.now += 9.9
    assert not _is_closed(breaker)
    clock.now += 0.2
    assert [_is_closed(breaker) for _ in range(3)] == [True, False, False]


def test_a_trial_that_fails_keeps_it_open_for_another_pause(breaker: Breaker, clock: _Clock) -> None:
    _fail(breaker, 3)
    clock.now += 10
    assert _is_closed(breaker)
    clock.now += 3
    breaker.failed("still nothing")
    clock.now += 9
    assert not _is_closed(breaker)
    clock.now += 1
    assert _is_closed(breaker)


def test_a_trial_that_is_answered_closes_it(breaker: Breaker, clock: _Clock) -> None:
    _fail(breaker, 3)
    clock.now += 10
    assert _is_closed(breaker)
    breaker.answered()
    assert [_is_closed(breaker) for _ in range(3)] == [True] * 3
    _fail(breaker, 2)
    assert _is_closed(breaker)
