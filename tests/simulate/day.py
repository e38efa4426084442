"""A day: requests come, sites serve, fail and return, and what the index knows of them is always a little old."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum
from random import Random
from typing import Final

from indexapp.domain.balancing import BEGIN, Candidate, Health, Site, candidates, next_share, ordered
from tests.simulate.world import Asker, Clients, Files, Keeps, Place, Scale, arrivals, places

NOTICED_AFTER: Final = 30.0
"""Seconds until a health check, or a client's report, tells the index."""
_SLICES: Final = 40
"""How often in a step the index looks at what it knows."""


class Trouble(Enum):
    """What happens to a site."""

    AWAY = "does not answer"
    SLOW = "answers slowly"
    WRONG = "serves wrong bytes"


_HEALTH: Final = {Trouble.AWAY: Health.FAILING, Trouble.SLOW: Health.SLOW, Trouble.WRONG: Health.OUT}


@dataclass(frozen=True, slots=True)
class Event:
    """A site has some trouble from one second of the day to another; wrong bytes keep it out for good."""

    site: str
    trouble: Trouble
    begins: float
    ends: float

    def is_on(self, now: float) -> bool:
        """Whether a client that comes now meets it."""
        return self.begins <= now < self.ends

    def is_known(self, now: float) -> bool:
        """Whether the index knows of it."""
        known = now - NOTICED_AFTER
        return known >= self.begins and (known < self.ends or self.trouble is Trouble.WRONG)


@dataclass(slots=True)
class Tally:
    """What a site did in a day; ``fullest`` is the part of its capacity that was used in its busiest step."""

    served: float = 0.0
    portions: int = 0
    hits: int = 0
    fullest: float = 0.0


@dataclass
class Outcome:
    """A day's sums, with the bytes of each site and the portions that were tried again by step."""

    places: list[Place]
    tallies: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    bytes: float = 0.0
    portions: int = 0
    for_caches: float = 0.0
    """Bytes that the origin gave to sites that had a file not."""
    for_clients: float = 0.0
    """Bytes that it gave to clients."""
    refused: int = 0
    """How often a site had no room."""
    failed: int = 0
    """How often one gave nothing, or wrong bytes."""
    slow: int = 0
    """Portions that a slow site gave."""
    by_step: list[dict[str, float]] = field(default_factory=list)
    retried: list[int] = field(default_factory=list)

    @property
    def offload(self) -> float:
        """The part of all bytes that the origin had not to give."""
        return 1 - (self.for_caches + self.for_clients) / self.bytes

    @property
    def hit_rate(self) -> float:
        """The part of the portions at sites for which no origin was asked."""
        return sum(each.hits for each in self.tallies.values()) / sum(each.portions for each in self.tallies.values())

    @property
    def fullest(self) -> float:
        """The part of its capacity that the fullest site used."""
        return max(each.fullest for each in self.tallies.values())

    def peers(self, place: Place) -> list[Place]:
        """The sites that serve the same clients, and all files."""
        return [
            one for one in self.places if one.site.regions == place.site.regions != () and one.keeps is not Keeps.PART
        ]

    def share(self, place: Place) -> tuple[float, float]:
        """The part that a site has of the bytes of its peers, and of their weights."""
        peers = self.peers(place)
        served = sum(self.tallies[one.site.id].served for one in peers)
        return (
            self.tallies[place.site.id].served / served,
            place.site.weight / sum(one.site.weight for one in peers),
        )

    def deviation(self, *, least: int = 0) -> float:
        """How far the share of a site is from its weight, at most, as a part of the latter; of those with ``least`` portions."""
        found = [
            self.share(place)
            for place in self.places
            if place in self.peers(place) and self.tallies[place.site.id].portions >= least
        ]
        return max((abs(share / weight - 1) for share, weight in found), default=0.0)


class Day:
    """One installation with its sites; days follow each other with warm caches."""

    def __init__(self, seed: int, number: int, scale: Scale) -> None:
        self.random = Random(f"day of {seed} with {number}")
        self.scale = scale
        self.files = Files(Random(f"files of {seed}"), scale)
        self.clients = Clients(Random(f"clients of {seed}"))
        self.places = places(self.random, number, scale, self.files)
        self.shares = dict.fromkeys((place.site.id for place in self.places), 1.0)

    def run(self, events: Iterable[Event] = ()) -> Outcome:
        """One day."""
        events, outcome = list(events), Outcome(self.places)
        for step, number in enumerate(arrivals(self.scale)):
            _Step(self, events, outcome, step * self.scale.seconds).run(number)
        return outcome


class _Step:
    """Some minutes, at whose end sites tell their load, by which they are given more or less in the next ones."""

    def __init__(self, day: Day, events: list[Event], outcome: Outcome, begins: float) -> None:
        self.day, self.events, self.outcome, self.begins = day, events, outcome, begins
        self.places = {place.site.id: place for place in day.places}
        self.room = {name: place.capacity * day.scale.seconds for name, place in self.places.items()}
        self.sent = dict.fromkeys(self.places, 0.0)
        self.asked = dict.fromkeys(self.places, 0.0)
        self.retried = 0
        self.known: tuple[object, ...] = ()
        self.near: dict[str, list[Candidate]] = {}
        self.orders: dict[tuple[str, int, int], list[Site]] = {}

    def run(self, number: int) -> None:
        """The portions, evenly over the step."""
        seconds, outcome = self.day.scale.seconds, self.outcome
        for at in range(number):
            now = self.begins + at * seconds / number
            if at % max(1, number // _SLICES) == 0:
                self._look(now)
            self._send(now)
        for name, place in self.places.items():
            tally = outcome.tallies[place.site.id]
            tally.fullest = max(tally.fullest, self.sent[name] / self.room[name])
            is_away = self._health(name, self.begins + seconds) is Health.FAILING
            share = self.day.shares[name]
            self.day.shares[name] = BEGIN if is_away else next_share(share, self.asked[name] / self.room[name])
        outcome.retried.append(self.retried)
        outcome.by_step.append(self.sent)

    def _look(self, now: float) -> None:
        """What the index knows of the sites; what it has worked out stands as long as that is the same."""
        known = tuple(self._health(name, now) for name in self.places)
        if known == self.known:
            return
        self.known, self.orders = known, {}
        sites = [
            replace(place.site, health=health, share=self.day.shares[name])
            for (name, place), health in zip(self.places.items(), known, strict=True)
        ]
        askers = self.day.clients.of_each_kind()
        self.near = {asker.kind: candidates(asker.client, sites) for asker in askers}

    def _health(self, name: str, now: float) -> Health:
        found = (_HEALTH[event.trouble] for event in self.events if event.site == name and event.is_known(now))
        return next(found, Health.HEALTHY)

    def _send(self, now: float) -> None:
        day, outcome, size = self.day, self.outcome, self.day.files.portion
        rank, asker = day.files.draw(day.random), day.clients.draw(day.random)
        outcome.portions += 1
        outcome.bytes += size
        tried = 0
        for site in self._order(asker, rank):
            if self._serves(site.id, rank, now):
                break
            tried += 1
        else:
            outcome.for_clients += size
        self.retried += tried > 0

    def _order(self, asker: Asker, rank: int) -> list[Site]:
        file = self.day.files.all[rank]
        key = (asker.kind, rank, asker.part if file.is_popular else 0)
        found = self.orders.get(key)
        if found is None:
            near = [one for one in self.near[asker.kind] if self.places[one.site.id].may_have(rank, self.day.files)]
            found = self.orders[key] = ordered(near, file.digest, key[2])
        return found

    def _serves(self, name: str, rank: int, now: float) -> bool:
        outcome, place, size = self.outcome, self.places[name], self.day.files.portion
        trouble = next((one.trouble for one in self.events if one.site == name and one.is_on(now)), None)
        if trouble in (Trouble.AWAY, Trouble.WRONG):
            outcome.failed += 1
            return False
        self.asked[name] += size
        if self.sent[name] + size > self.room[name]:
            outcome.refused += 1
            return False
        is_hit = place.has(rank, self.day.files)
        if not is_hit:
            whole = self.day.files.all[rank].size
            outcome.for_caches += whole
            place.take(rank, whole)
        outcome.slow += trouble is Trouble.SLOW
        self.sent[name] += size
        tally = outcome.tallies[name]
        tally.served += size
        tally.portions += 1
        tally.hits += is_hit
        return True
