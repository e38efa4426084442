from __future__ import annotations

from threading import Event

from tpi_site.kit.companions import Companion


def test_it_acts_after_it_was_woken_and_a_last_time_at_the_end() -> None:
    acted = Event()
    turns: list[int] = []

    def act() -> None:
        turns.append(1)
        acted.set()

    companion = Companion("test", act, 0.0, None)
    companion.start()
    companion.wake()
    assert acted.wait(10)
    companion.finish()
    assert len(turns) == 2


def test_a_failure_is_logged_and_does_not_end_it(caplog: object) -> None:
    acted = Event()
    turns: list[int] = []

    def act() -> None:
        turns.append(1)
        if len(turns) == 1:
            raise LookupError("once")
        acted.set()

    companion = Companion("test", act, 0.0, 0.01)
    companion.start()
    companion.wake()
    assert acted.wait(10)
    companion.finish()
