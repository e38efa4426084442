from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from threading import Event, current_thread

import pytest

from indexapp.storage import read_ahead
from indexapp.storage.read_ahead import made_ahead


@pytest.fixture
def two_processors(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One thread that works ahead."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    read_ahead._ahead.cache_clear()
    yield
    read_ahead._ahead.cache_clear()


pytestmark = pytest.mark.usefixtures("two_processors")


def _threads_of(count: int) -> Generator[str, None, None]:
    return made_ahead(lambda _: current_thread().name, range(count))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 50])
def test_all_are_made_in_their_order(count: int) -> None:
    assert list(made_ahead(lambda item: item * 2, range(count))) == [item * 2 for item in range(count)]


def test_the_next_is_made_while_the_last_is_used_and_no_more_than_it() -> None:
    begun = {number: Event() for number in range(4)}

    def make(number: int) -> int:
        begun[number].set()
        return number

    made = made_ahead(make, range(4))
    assert next(made) == 0
    assert begun[1].wait(10)
    assert not begun[2].is_set()
    assert list(made) == [1, 2, 3]


def test_who_finds_no_free_thread_works_alone() -> None:
    go_on = Event()

    def make(number: int) -> bool:
        return not number or go_on.wait(10)

    first = made_ahead(make, range(2))
    next(first)
    assert set(_threads_of(3)) == {current_thread().name}
    go_on.set()
    assert list(first) == [True]
    assert any(name.startswith("read-ahead") for name in _threads_of(3))


def test_one_processor_has_no_threads_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    read_ahead._ahead.cache_clear()
    assert set(_threads_of(3)) == {current_thread().name}


def test_a_failure_comes_where_its_turn_is_and_frees_the_thread() -> None:
    def make(number: int) -> int:
        if number == 2:
            raise LookupError(number)
        return number

    made = made_ahead(make, range(4))
    assert [next(made), next(made)] == [0, 1]
    with pytest.raises(LookupError):
        next(made)
    assert any(name.startswith("read-ahead") for name in _threads_of(3))


def test_nothing_is_being_made_after_it_was_closed() -> None:
    begun, go_on, ended = Event(), Event(), Event()

    def make(number: int) -> int:
        if number:
            begun.set()
            assert go_on.wait(10)
            ended.set()
        return number

    made = made_ahead(make, range(2))
    next(made)
    assert begun.wait(10)
    go_on.set()
    made.close()
    assert ended.is_set()
    assert any(name.startswith("read-ahead") for name in _threads_of(3))


def test_a_child_works_ahead_too() -> None:
    assert list(_threads_of(2))
    child = os.fork()
    if not child:
        os._exit(0 if any(name.startswith("read-ahead") for name in _threads_of(3)) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
