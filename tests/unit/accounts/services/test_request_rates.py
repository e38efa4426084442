from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection

from accounts.models import SignInMark
from accounts.services import request_rates

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def ask(times: int, name: str = "actor:1", limit: int = 100) -> int:
    """How many of so many requests in this process are within the limit."""
    return sum(request_rates.count(name, limit, 60)[0] <= limit for _ in range(times))


def test_counting_touches_no_database(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert ask(150) == 100
    with django_assert_num_queries(0):
        assert ask(150, "actor:2") == 100


def test_who_makes_few_requests_is_never_written() -> None:
    ask(4)
    assert request_rates.write() == 0
    ask(1)
    assert request_rates.write() == 1
    assert SignInMark.objects.get().count == 5


def test_processes_share_one_limit() -> None:
    let_through = 0
    for _ in range(12):  # each a process of its own that has just begun
        request_rates.forget_all()
        let_through += ask(5)
        request_rates.write()
        let_through += ask(5)
        request_rates.write()
    assert 100 <= let_through <= 100 + 12 * 5


def test_what_others_have_counted_is_learnt_with_the_next_writing() -> None:
    ask(60)
    request_rates.write()
    request_rates.forget_all()
    ask(5)
    request_rates.write()
    assert request_rates.count("actor:1", 100, 60)[0] == 66


def test_a_new_stretch_begins_when_the_one_that_all_share_has_ended() -> None:
    ask(100)
    request_rates.write()
    SignInMark.objects.update(until=SignInMark.objects.get().until - timedelta(seconds=61))
    ask(5)
    request_rates.write()
    number, rest = request_rates.count("actor:1", 100, 60)
    assert number == 6
    assert 55 < rest <= 60


def test_what_cannot_be_written_now_is_counted_on() -> None:
    def fail(execute: Any, sql: str, *rest: Any) -> Any:
        raise OperationalError("the database only reads")

    ask(10)
    with connection.execute_wrapper(fail):
        assert request_rates.write() == 0
    ask(10)
    request_rates.write()
    assert SignInMark.objects.get().count == 20
    assert request_rates.count("actor:1", 100, 60)[0] == 21


def test_a_flood_of_names_takes_bounded_memory_and_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_rates, "_MOST", 50)
    for number in range(200):
        ask(1, f"anonymous:{number}")
    assert len(request_rates._tallies) == 50
    assert request_rates.write() == 0
