from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexapp.domain.timestamps import iso_utc


def test_the_form_of_pep_700_in_utc():
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    assert iso_utc(moment) == "2026-01-02T01:04:05.000000Z"


def test_a_naive_time_is_a_mistake():
    with pytest.raises(ValueError, match="zone"):
        iso_utc(datetime(2026, 1, 2))  # noqa: DTZ001  that is the point


moments = st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  hypothesis adds the zone


@given(moments, moments)
def test_it_reads_back_and_sorts_as_time_does(one, other):
    assert datetime.fromisoformat(iso_utc(one)) == one
    assert (iso_utc(one) < iso_utc(other)) is (one < other)
