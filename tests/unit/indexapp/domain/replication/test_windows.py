from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexapp.domain.replication.windows import Window, is_open, opens_at, window
from tpi_site.kit.errors import Invalid

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = timedelta(minutes=1)
minutes = st.integers(0, 24 * 60 - 1)
windows = st.lists(
    st.tuples(minutes, st.integers(1, 24 * 60)).filter(lambda pair: pair[0] != pair[1]).map(lambda pair: Window(*pair)),
    max_size=3,
)
around_the_changes = st.sampled_from(
    [datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)]
).flatmap(lambda day: st.integers(0, 3 * 86400).map(lambda seconds: day + timedelta(seconds=seconds)))


def at(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold)


@pytest.mark.parametrize(
    ("text", "moment", "expected"),
    [
        ("22:00-06:00", "2026-07-01T21:59", False),
        ("22:00-06:00", "2026-07-01T22:00", True),
        ("22:00-06:00", "2026-07-02T00:00", True),
        ("22:00-06:00", "2026-07-02T05:59", True),
        ("22:00-06:00", "2026-07-02T06:00", False),
        ("00:00-24:00", "2026-07-02T23:59", True),
        ("9:30-12:00", "2026-07-02T09:29", False),
        ("22:00-24:00", "2026-07-02T00:00", False),
    ],
)
def test_a_window_is_of_the_clock_on_the_wall(text: str, moment: str, *, expected: bool) -> None:
    assert is_open([window(text)], BERLIN, at(moment).astimezone(UTC)) is expected


def test_the_hour_that_comes_twice_is_open_twice_and_the_one_left_out_is_not_missed() -> None:
    night = [window("02:00-03:00")]
    twice = [at("2026-10-25T02:30", fold) for fold in (0, 1)]
    assert twice[0].astimezone(UTC) != twice[1].astimezone(UTC)
    assert all(is_open(night, BERLIN, moment) for moment in twice)
    evening = at("2026-03-28T23:00")
    assert opens_at(night, BERLIN, evening).astimezone(BERLIN) == at("2026-03-30T02:00"), (
        "there is no 2 o'clock on the 29th"
    )
    assert opens_at([window("02:30-05:00")], BERLIN, evening).astimezone(BERLIN) == at("2026-03-29T03:00")


@given(windows, around_the_changes)
def test_it_opens_at_the_first_minute_that_lies_in_a_window(found: list[Window], moment: datetime) -> None:
    opens = opens_at(found, BERLIN, moment)
    assert is_open(found, BERLIN, opens)
    if opens != moment:
        assert not is_open(found, BERLIN, moment)
        assert not is_open(found, BERLIN, opens - MINUTE)
        assert opens - moment < timedelta(days=3)


@given(windows)
def test_what_is_written_is_read_again(found: list[Window]) -> None:
    assert [window(str(each)) for each in found] == found


@pytest.mark.parametrize(
    "text", ["", "22-6", "24:00-06:00", "22:00-24:30", "25:00-06:00", "06:00-06:00", "22:00-06:00x"]
)
def test_what_is_no_time_of_the_day_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        window(text)
    assert refused.value.code == "window-invalid"
