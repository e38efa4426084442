from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts import tasks
from accounts.models import SignInMark
from accounts.services import attempts
from tests.threads import together

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def pass_time(seconds: int) -> None:
    """What was counted happened so much earlier."""
    for row in SignInMark.objects.all():
        SignInMark.objects.filter(pk=row.pk).update(until=row.until - timedelta(seconds=seconds))


def test_each_attempt_of_one_name_has_the_next_number() -> None:
    assert [attempts.add("code:1", 60) for _ in range(3)] == [1, 2, 3]
    assert attempts.add("code:2", 60) == 1
    assert attempts.count(["code:1", "code:2", "code:3"]) == {"code:1": 3, "code:2": 1, "code:3": 0}


def test_the_time_begins_with_the_first_and_is_not_drawn_out_by_the_others() -> None:
    attempts.add("code:1", 60)
    end = SignInMark.objects.get().until
    assert timedelta(seconds=50) < end - timezone.now() <= timedelta(seconds=60)

    pass_time(30)
    attempts.add("code:1", 60)
    assert SignInMark.objects.get().until == end - timedelta(seconds=30)

    pass_time(30)
    assert attempts.count(["code:1"]) == {"code:1": 0}
    assert attempts.add("code:1", 60) == 1
    assert SignInMark.objects.get().until > end - timedelta(seconds=10)


def test_an_attempt_that_went_well_is_taken_back_alone() -> None:
    attempts.take_back("code:1")
    attempts.add("code:1", 60)
    attempts.add("code:1", 60)
    attempts.take_back("code:1")
    assert attempts.count(["code:1"]) == {"code:1": 1}
    attempts.forget("code:1")
    assert attempts.count(["code:1"]) == {"code:1": 0}


def test_rows_tell_nothing_of_the_names(settings: Any) -> None:
    attempts.add("nina", 60)
    key = SignInMark.objects.get().key
    assert "nina" not in key
    settings.TPI_TOKEN_PEPPER = "another pepper"
    attempts.add("nina", 60)
    assert SignInMark.objects.exclude(key=key).count() == 1


def test_what_is_over_is_removed_with_the_sessions() -> None:
    attempts.add("over", 60)
    pass_time(61)
    attempts.add("runs", 60)
    tasks.clear_sessions()
    assert SignInMark.objects.count() == 1
    assert attempts.count(["runs"]) == {"runs": 1}


def test_no_name_asks_nothing_wrong() -> None:
    assert attempts.count([]) == {}


@pytest.mark.django_db(transaction=True)
def test_of_attempts_at_the_same_moment_each_gets_a_number_of_its_own() -> None:
    numbers = together([lambda: attempts.add("code:1", 60)] * 8)
    assert sorted(number for number in numbers if isinstance(number, int)) == list(range(1, 9))


def test_several_at_once_begin_and_go_on() -> None:
    assert [attempts.add("requests", 60, 7), attempts.add("requests", 60, 3)] == [7, 10]
    attempts.add("taken back", 60)
    attempts.take_back("requests", "taken back", "never counted")
    assert attempts.count(["requests", "taken back"]) == {"requests": 9, "taken back": 0}


def test_states_tell_the_end_of_what_runs() -> None:
    attempts.add("over", 60)
    pass_time(60)
    attempts.add("runs", 30)
    states = attempts.states(["over", "runs", "never"])
    assert list(states) == ["runs"]
    count, until = states["runs"]
    assert count == 1
    assert timedelta(0) < until - timezone.now() <= timedelta(seconds=30)


def test_what_is_kept_is_kept_from_the_last_time_on() -> None:
    attempts.keep("place", 60)
    pass_time(50)
    attempts.keep("place", 60)
    pass_time(50)
    assert attempts.count(["place"]) == {"place": 1}
    pass_time(10)
    assert attempts.count(["place"]) == {"place": 0}
