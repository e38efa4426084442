"""Which mirror sites a client is sent to for a file: near ones first, each by its weight, and the same ones every time.

The rule, in order:

1. A site that is failing, or was taken out, gets nobody; nor does one that has no weight, or no share left.
2. Sites near the client come first: those whose network has the client's address, the narrowest network before wider ones,
   then those that share more of the client's region (``eu-de`` before ``eu`` before none).  A site that names networks and no
   region is for these networks alone.
3. Among sites that are equally near, weighted rendezvous hashing of the file's digest decides (Thaler and Ravishankar's
   highest random weight, with the logarithm that makes shares exactly proportional): each has its share of the digests by
   weight, keeps the ones that it has when others come and go, and so has a warm cache.  Nobody keeps a table.
4. Some few files make much of the traffic.  One of those is hashed together with one of :data:`SPREAD` parts of all clients'
   networks, so that no site alone has all who want it; the many others stay where they are, so that what the caches of all
   sites hold adds up.
5. A site has a share of what would be its digests, 1 where it is at ease; it comes for the others after the sites that are.
   The share follows the site's load by :func:`next_share`, so that it fills up to :data:`TARGET` of its capacity and the rest
   goes to those beside it, or farther away.  A slow one comes after all of these.

Why a share that is remembered, and not the load itself: what sites tell is late, and a rule that looks at it at once sends
everybody away from a full site and back to the empty one that this makes, again and again; the simulation showed that.

Whoever sends clients adds the origin behind the last site: it has every file.  Nothing here is random or kept, so every node
gives the same answer, and an answer can be explained afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from hashlib import blake2b
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from itertools import groupby
from math import inf, log
from operator import attrgetter
from typing import Final, NamedTuple

SPREAD: Final = 256
"""In how many parts all clients' networks are taken for step 4."""
POPULAR: Final = 1 / 100_000
"""From which part of all bytes on a file counts as one that makes much of the traffic; see the simulation's report."""
TARGET: Final = 0.85
"""The part of its capacity up to which a site is filled."""
BEGIN: Final = 0.125
"""The share of a site that comes, or comes back."""
_LEAST: Final = 0.01
_GROWTH: Final = 1.5
_PREFIX: Final = {4: 24, 6: 48}
"""How much of an address tells its network: clients beside each other use the same cache."""
_UNIT: Final = 2.0**-53
_AT_EASE, _LATER, _SLOW = 0, 1, 2


class Health(Enum):
    """What is known of a site."""

    HEALTHY = "healthy"
    SLOW = "slow"
    """It answers rightly, and late."""
    FAILING = "failing"
    """It does not answer, or says that it cannot; it is asked again from time to time."""
    OUT = "out"
    """It served wrong bytes; somebody has to take it in again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A mirror site.

    Regions are words from the large to the small, with hyphens.  ``share`` is which part of its digests it is given, by what
    of its capacity is used; see :func:`next_share`.
    """

    id: str
    weight: float = 1.0
    regions: tuple[str, ...] = ()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    health: Health = Health.HEALTHY
    share: float = 1.0

    @property
    def takes_clients(self) -> bool:
        """Whether anybody may be sent to it."""
        return self.health in (Health.HEALTHY, Health.SLOW) and 0 < self.weight < inf and self.share > 0


def next_share(share: float, load: float) -> float:
    """The share of a site that has told its load: the part of its capacity that was asked of it since it had ``share``.

    The load is above 1 where it had to refuse.  Half the way (of the logarithm) to the share with which the same wishes would
    have filled it to :data:`TARGET`, and upwards by half at most: so it neither swings nor is a cold cache run over.
    """
    wanted = share * (TARGET / load) ** 0.5 if load > 0 else inf
    return max(_LEAST, min(1.0, wanted, share * _GROWTH))


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks: an address, where it is known, and a region, where somebody has said in which it lies."""

    address: IPv4Address | IPv6Address | None = None
    region: str = ""

    @property
    def part(self) -> int:
        """Which of the :data:`SPREAD` parts of all networks the client is in."""
        if self.address is None:
            return 0
        network = ip_network((self.address, _PREFIX[self.address.version]), strict=False)
        return blake2b(network.network_address.packed, digest_size=8).digest()[0] % SPREAD


class Candidate(NamedTuple):
    """A site with how near it is to a client; the larger the nearer."""

    nearness: tuple[int, int]
    site: Site


def order(client: Client, sites: Iterable[Site], digest: str, *, is_popular: bool = False, most: int = 3) -> list[Site]:
    """The sites to try for the file of this digest, the best first; empty where only the origin is left."""
    return ordered(candidates(client, sites), digest, client.part if is_popular else 0, most=most)


def candidates(client: Client, sites: Iterable[Site]) -> list[Candidate]:
    """The sites that the client may be sent to, near ones first; the same for all files of a page."""
    found = [
        Candidate(nearness, site)
        for site in sites
        if site.takes_clients and (nearness := _nearness(client, site)) is not None
    ]
    return sorted(found, key=lambda one: one.nearness, reverse=True)


def ordered(near: Sequence[Candidate], digest: str, part: int = 0, *, most: int = 3) -> list[Site]:
    """As :func:`order`, of candidates that were found before; ``part`` is the client's, for a popular file."""
    later: list[list[Site]] = [[], [], []]
    found = later[_AT_EASE]
    for _, group in groupby(near, attrgetter("nearness")):
        for place, site in _by_weight((one.site for one in group), f"{digest}/{part}"):
            later[place].append(site)
        if len(found) >= most:
            break
    return [site for sites in later for site in sites][:most]


def _nearness(client: Client, site: Site) -> tuple[int, int] | None:
    """Length of the narrowest network that has the client, and number of region words shared; None for no business there."""
    network = max((each.prefixlen for each in site.networks if _has(each, client)), default=-1)
    if network < 0 and site.networks and not site.regions:
        return None
    return network, max((_shared(client.region, region) for region in site.regions), default=0)


def _has(network: IPv4Network | IPv6Network, client: Client) -> bool:
    return client.address is not None and client.address.version == network.version and client.address in network


def _shared(one: str, other: str) -> int:
    """With how many words two regions begin alike."""
    if not one or not other:
        return 0
    count = 0
    for mine, theirs in zip(one.split("-"), other.split("-"), strict=False):
        if mine != theirs:
            break
        count += 1
    return count


def _by_weight(sites: Iterable[Site], key: str) -> Iterator[tuple[int, Site]]:
    """The sites in their order for this key, each with where it belongs: among those at ease, later, or last."""
    drawn = sorted((_draw(site, key) for site in sites), key=lambda one: one[:2])
    for _, _, place, site in drawn:
        yield place, site


def _draw(site: Site, key: str) -> tuple[float, str, int, Site]:
    """When the site would come first in a race in which each is as fast as its weight; equal times by id."""
    hashed = blake2b(f"{site.id}/{key}".encode(), digest_size=16).digest()
    moment, chance = ((int.from_bytes(hashed[at : at + 8], "big") >> 11) * _UNIT for at in (0, 8))
    place = _SLOW if site.health is Health.SLOW else _AT_EASE if chance < site.share else _LATER
    return -log(moment + _UNIT) / site.weight, site.id, place, site
