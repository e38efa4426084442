"""A day on which sites fail in every way, and what came of each trouble."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.simulate.day import Day, Event, Outcome, Trouble
from tests.simulate.world import Keeps, Place

_HOUR: Final = 3_600.0
_BALANCED: Final = 0.9
_WINDOW: Final = 3
"""Steps over which a share is taken."""


def events_for(day: Day) -> list[Event]:
    """The heaviest site of the largest region is away, then a whole region; later one is slow, and one is wrong."""
    by_region: dict[tuple[str, ...], list[Place]] = {}
    for place in day.places:
        if place.site.regions and place.keeps is not Keeps.PART:
            by_region.setdefault(place.site.regions, []).append(place)
    regions = sorted(by_region.values(), key=len)
    largest = sorted(regions[-1], key=lambda place: (-place.site.weight, place.site.id))
    names = [place.site.id for place in largest]
    slow, wrong = names[1 % len(names)], names[2 % len(names)]
    return [
        Event(names[0], Trouble.AWAY, 6 * _HOUR, 9 * _HOUR),
        *(Event(place.site.id, Trouble.AWAY, 12 * _HOUR, 13 * _HOUR) for place in regions[0]),
        Event(slow, Trouble.SLOW, 15 * _HOUR, 17 * _HOUR),
        Event(wrong, Trouble.WRONG, 20 * _HOUR, 24 * _HOUR),
    ]


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What came of one event: parts of portions and bytes, and seconds."""

    event: Event
    retried: float
    """Of the portions in the step in which it began."""
    before: float
    """How full the fullest other site was in the hour before, and while it went on."""
    meanwhile: float
    given: float
    """Of the bytes that the site had in the hour before, what it was given a step after it began."""
    back: float | None
    """Seconds from its end until the site had its share again; None for one that stays out, or is alone in its region."""

    @property
    def told(self) -> str:
        """The same in words."""
        if self.back is not None:
            return f"{self.back / 60:.0f} min"
        return "stays out" if self.event.trouble is Trouble.WRONG else "alone in its region"


def aftermath(day: Day, outcome: Outcome, event: Event) -> Aftermath:
    """Look at the steps around an event."""
    seconds = day.scale.seconds
    begin, end = round(event.begins / seconds), round(event.ends / seconds)
    hour = range(max(0, begin - round(_HOUR / seconds)), begin)
    mine = sum(outcome.by_step[at].get(event.site, 0.0) for at in hour) / len(hour)
    portions = [sum(step.values()) / day.files.portion for step in outcome.by_step]
    after = outcome.by_step[min(begin + 1, len(outcome.by_step) - 1)].get(event.site, 0.0)
    return Aftermath(
        event,
        outcome.retried[begin] / max(1.0, portions[begin]),
        _fullest(day, outcome, event.site, hour),
        _fullest(day, outcome, event.site, range(begin, min(end, len(outcome.by_step)))),
        after / mine if mine else 0.0,
        _back(day, outcome, event, end),
    )


def _fullest(day: Day, outcome: Outcome, but: str, steps: range) -> float:
    return max(
        outcome.by_step[at][place.site.id] / (place.capacity * day.scale.seconds)
        for at in steps
        for place in day.places
        if place.site.id != but
    )


def _back(day: Day, outcome: Outcome, event: Event, end: int) -> float | None:
    """Seconds until the site has what its weight says again, over some steps together, by how much its peers have."""
    if event.trouble is Trouble.WRONG:
        return None
    (place,) = (one for one in day.places if one.site.id == event.site)
    peers = [one.site.id for one in outcome.peers(place)]
    if len(peers) == 1:
        return None
    weight = outcome.share(place)[1]
    for at in range(end, len(outcome.by_step) - _WINDOW):
        steps = outcome.by_step[at : at + _WINDOW]
        every = sum(step[name] for step in steps for name in peers)
        if sum(step[event.site] for step in steps) >= _BALANCED * weight * every > 0:
            return (at - end) * day.scale.seconds
    return None
