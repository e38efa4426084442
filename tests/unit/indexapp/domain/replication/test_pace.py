from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexapp.domain.replication.pace import Bucket

steps = st.lists(st.tuples(st.integers(1, 100_000), st.floats(0, 3)), min_size=1, max_size=40)


@given(steps, st.integers(1000, 10**6))
def test_no_stretch_of_time_has_more_than_the_rate_and_what_was_saved_up(
    taken: list[tuple[int, float]], rate: int
) -> None:
    bucket, now = Bucket(rate), 0.0
    released: list[tuple[float, int]] = []
    for size, pause in taken:
        now += pause
        goal = bucket.take(size, now)
        now += bucket.left(goal, now)
        released.append((now, size))
    for first, (begin, _) in enumerate(released):
        for last in range(first + 1, len(released)):
            later = sum(size for _, size in released[first + 1 : last + 1])
            assert later <= rate * (released[last][0] - begin + 0.25) + 1


def test_who_comes_first_goes_first() -> None:
    bucket = Bucket(1000)
    goals = [bucket.take(1000, 0.0) for _ in range(3)]
    assert [bucket.left(goal, 0.0) for goal in goals] == pytest.approx([1.0, 2.0, 3.0])
    assert [bucket.left(goal, 2.0) for goal in goals] == pytest.approx([0.0, 0.0, 1.0])


def test_another_rate_counts_at_once() -> None:
    bucket = Bucket(1000)
    goal = bucket.take(10_000, 0.0)
    assert bucket.left(goal, 0.0) == pytest.approx(10.0)
    bucket.turn(9000, 1.0)
    assert bucket.left(goal, 1.0) == pytest.approx(1.0)
    bucket.turn(None, 1.0)
    assert bucket.left(goal, 1.0) == 0.0
    assert bucket.left(bucket.take(10**9, 1.0), 1.0) == 0.0


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket = Bucket(1000, at=5.0)
    goal = bucket.take(1000, 4.0)
    assert bucket.left(goal, 3.0) == pytest.approx(1.0)
