"""A test does not begin before what the product still did for the one before it has ended."""

from __future__ import annotations

from threading import Event, Thread

from indexapp.services.mirrors import waiting
from tests.plugins import own_threads


def test_what_goes_on_is_waited_for() -> None:
    goes_on = Event()
    waiting.make_later(lambda: goes_on.wait(60) and None)
    assert own_threads._under_way() == ["indexapp.services.mirrors.waiting._alone"]
    goes_on.set()
    own_threads.await_end()
    assert own_threads._under_way() == []


def test_a_thread_without_a_pool_is_waited_for_too() -> None:
    begun = Thread(target=waiting.make_later, args=[lambda: None], name="ours")
    goes_on = Event()
    begun.run = lambda: goes_on.wait(60) and None  # type: ignore[method-assign]
    begun.start()
    assert own_threads._under_way() == ["ours"]
    goes_on.set()
    own_threads.await_end()
    assert not begun.is_alive()
