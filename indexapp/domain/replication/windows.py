"""Times of the day at which bytes may be fetched, by the clock on the wall of one place.

The wall clock is asked each time, so that on the night when it is put forward or back nothing has to be known of that: an hour
that comes twice is open twice, and one that is left out is not missed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tpi_site.kit.errors import Invalid

_WINDOW = re.compile(r"([01]?[0-9]|2[0-4]):([0-5][0-9])-([01]?[0-9]|2[0-4]):([0-5][0-9])\Z")
_DAY = 24 * 60
_MINUTE = timedelta(minutes=1)
_LONGEST = 3 * _DAY
"""Minutes within which every window opens: one may lie in the hour that a day leaves out."""


@dataclass(frozen=True, slots=True)
class Window:
    """From one minute of the day until before another; over midnight where it begins after it ends."""

    begins: int
    ends: int

    def __str__(self) -> str:
        return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in (self.begins, self.ends))

    def holds(self, minute: int) -> bool:
        """Whether this minute of the day lies in it."""
        if self.begins < self.ends:
            return self.begins <= minute < self.ends
        return minute >= self.begins or minute < self.ends


def window(text: str) -> Window:
    """The window that ``22:00-06:00`` means; raises Invalid."""
    found = _WINDOW.match(text.strip())
    if found is not None:
        hours = [int(part) for part in found.groups()]
        begins, ends = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
        if begins < _DAY and ends <= _DAY and begins != ends:
            return Window(begins, ends)
    raise Invalid(f"{text[:40]!a} is no time of the day; write for example 22:00-06:00.", code="window-invalid")


def is_open(windows: Sequence[Window], zone: ZoneInfo, moment: datetime) -> bool:
    """Whether bytes may be fetched at that moment; always where there are no windows."""
    local = moment.astimezone(zone)
    return not windows or any(each.holds(local.hour * 60 + local.minute) for each in windows)


def opens_at(windows: Sequence[Window], zone: ZoneInfo, moment: datetime) -> datetime:
    """The first moment from then on, in UTC, at which it is open."""
    asked = moment.astimezone(UTC)
    if is_open(windows, zone, asked):
        return asked
    minute = asked.replace(second=0, microsecond=0)
    for _ in range(_LONGEST):
        minute += _MINUTE
        if is_open(windows, zone, minute):
            break
    return minute
