"""Files, clients and mirror sites, drawn from a seed."""

from __future__ import annotations

import hashlib
from bisect import bisect
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import ip_address, ip_network
from itertools import accumulate
from math import pi, sin
from random import Random
from typing import Final, NamedTuple

from indexapp.domain.balancing import POPULAR, Client, Site
from tests.simulate import figures

_NETWORKS: Final = 4_000
_CAMPUS: Final = "10.200.0.0/16"
_CAMPUS_PART: Final = 0.02


class Keeps(Enum):
    """What a site has of all files."""

    ALL = "all"
    PART = "the wanted half"
    CACHE = "a cache"


@dataclass(frozen=True, slots=True)
class Scale:
    """How large a simulation is: a day has so many steps, and so many portions go out in each on average.

    A portion is some traffic of one file to one network: as many bytes for each, so for small files many requests.
    """

    files: int = 60_000
    steps: int = 144
    portions: int = 700

    @property
    def seconds(self) -> float:
        """Length of a step."""
        return 86_400 / self.steps


@dataclass(frozen=True, slots=True)
class File:
    """A file with its part of all bytes that are wanted."""

    digest: str
    size: float
    is_popular: bool


class Files:
    """All files by rank, and drawing one of them."""

    def __init__(self, random: Random, scale: Scale) -> None:
        sizes = [min(figures.LARGEST, figures.MEDIAN_SIZE * _lognormal(random)) for _ in range(scale.files)]
        parts = [size / (rank + figures.FLATTENED) for rank, size in enumerate(sizes, start=1)]
        self._sums = list(accumulate(parts))
        self.all = [
            File(hashlib.sha256(f"file {rank}".encode()).hexdigest(), size, part / self._sums[-1] > POPULAR)
            for rank, (size, part) in enumerate(zip(sizes, parts, strict=True))
        ]
        self.bytes = sum(sizes)
        self.portion = self.bytes * figures.DAYS_TRAFFIC / (scale.portions * scale.steps)
        """Bytes of a portion."""

    def draw(self, random: Random) -> int:
        """The rank of a file, by how many bytes of it go out."""
        return min(bisect(self._sums, random.random() * self._sums[-1]), len(self.all) - 1)


def _lognormal(random: Random) -> float:
    return random.lognormvariate(0.0, figures.SIGMA)


class Asker(NamedTuple):
    """A client with its part, and with what it has in common with those for which the same sites are near."""

    client: Client
    part: int
    kind: str


def _asker(address: str, region: str, kind: str = "") -> Asker:
    client = Client(ip_address(address), region)
    return Asker(client, client.part, kind or region)


class Clients:
    """The networks that ask, each in a region; one of them is a campus with a site of its own."""

    def __init__(self, random: Random) -> None:
        self._all: dict[str, list[Asker]] = {region: [] for region, _ in figures.REGIONS}
        self._sums = list(accumulate(part for _, part in figures.REGIONS))
        self._names = [region for region, _ in figures.REGIONS]
        for number in range(_NETWORKS):
            region = self._names[bisect(self._sums, random.random() * self._sums[-1])]
            self._all[region].append(_asker(f"10.{number // 250}.{number % 250}.1", region))
        self._campus = [_asker(f"10.200.{number}.1", "eu", "campus") for number in range(60)]

    def of_each_kind(self) -> list[Asker]:
        """One of all for whom the same sites are near."""
        return [*(askers[0] for askers in self._all.values()), self._campus[0]]

    def draw(self, random: Random) -> Asker:
        """Who asks next."""
        if random.random() < _CAMPUS_PART:
            return random.choice(self._campus)
        return random.choice(self._all[self._names[bisect(self._sums, random.random() * self._sums[-1])]])


@dataclass(slots=True)
class Place:
    """A mirror site as it really is: what it keeps, and how many bytes of that it has room for."""

    site: Site
    keeps: Keeps
    room: float
    capacity: float
    """Bytes a second."""
    held: OrderedDict[int, float] = field(default_factory=OrderedDict)
    used: float = 0.0

    def may_have(self, rank: int, files: Files) -> bool:
        """Whether the index, which knows what a site is there for, sends anybody to it for the file."""
        return self.keeps is not Keeps.PART or rank < len(files.all) // 2

    def has(self, rank: int, files: Files) -> bool:
        """Whether it need not ask the origin; a cache then moves the file to its end."""
        if self.keeps is Keeps.ALL:
            return True
        if self.keeps is Keeps.PART:
            return self.may_have(rank, files)
        if rank in self.held:
            self.held.move_to_end(rank)
            return True
        return False

    def take(self, rank: int, size: float) -> None:
        """Keep a file that came from the origin; what was not wanted for the longest goes."""
        if self.keeps is not Keeps.CACHE or size > self.room:
            return
        self.held[rank] = size
        self.used += size
        while self.used > self.room:
            self.used -= self.held.popitem(last=False)[1]


def places(random: Random, number: int, scale: Scale, files: Files) -> list[Place]:
    """So many sites in all regions; the last of ten and more is the campus's.

    All capacities together are 1.6 times what goes out at the busiest hour, in each region by what is wanted there.
    """
    has_campus = number >= 10
    names = [region for region, _ in figures.REGIONS]
    found = []
    count = number - has_campus
    regions = [names[at] if at < len(names) else _drawn(random) for at in range(count)]
    weights = [random.choice((1.0, 2.0, 3.0, 4.0)) for _ in range(count)]
    totals = {name: sum(w for w, r in zip(weights, regions, strict=True) if r == name) for name in names}
    busiest = scale.portions * files.portion / scale.seconds * 1.4
    parts = dict(figures.REGIONS)
    for at, (region, weight) in enumerate(zip(regions, weights, strict=True)):
        capacity = 1.6 * busiest * parts[region] * weight / totals[region]
        keeps = (Keeps.CACHE, Keeps.CACHE, Keeps.ALL, Keeps.CACHE, Keeps.PART)[at % 5]
        room = files.bytes * random.choice((0.05, 0.1, 0.2))
        found.append(Place(Site(id=f"{region}-{at + 1}", weight=weight, regions=(region,)), keeps, room, capacity))
    if has_campus:
        site = Site(id="campus", networks=(ip_network(_CAMPUS),))
        found.append(Place(site, Keeps.CACHE, files.bytes * 0.05, 0.1 * busiest))
    return found


def _drawn(random: Random) -> str:
    return random.choices([region for region, _ in figures.REGIONS], [part for _, part in figures.REGIONS])[0]


def arrivals(scale: Scale) -> Iterator[int]:
    """Portions of each step: a wave over the day."""
    for step in range(scale.steps):
        yield round(scale.portions * (1 + 0.4 * sin(2 * pi * step / scale.steps)))
