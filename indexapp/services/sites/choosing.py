"""Which mirror site a reader is given a file from, by what the process remembers of sites and of what they were found to have.

The rule is :mod:`indexapp.domain.balancing`'s.  Only a site that was found to have the very content, a day ago at most, is
given.  Nothing here asks the database twice for the same as long as nothing about sites has changed.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from threading import Lock
from typing import Final, NamedTuple

from django.conf import settings

from indexapp.clients.mirror_sites import STRETCH, SiteAddress
from indexapp.domain import balancing
from indexapp.domain.balancing import Client, Health, Site
from indexapp.domain.client_regions import Regions
from indexapp.models import FileProof, IndexSending, MirrorSite, PieceDigests, SiteIndex
from indexapp.services.serving.files import ServedFile
from indexapp.services.serving.index_map import ServedIndex
from indexapp.services.serving.watermarks import Watermark
from indexapp.services.sites import checking, notes, secrets, standing
from indexapp.services.sites.notes import Wish
from tpi_site.kit.errors import Unavailable
from tpi_site.kit.outbound import Target

_MOST: Final = 20_000
_MISSING_FOR: Final = 3600.0
_RENEWED: Final = 0.75
"""From which part of its time on a proof is made again when somebody wants the content."""


@dataclass(frozen=True)
class Known:
    """A site as choosing sees it."""

    pk: int
    name: str
    address: SiteAddress
    origin: str
    may_redirect: bool
    takes_private: bool


@dataclass(frozen=True)
class Sending:
    """What an index does, and with which sites."""

    mode: str
    sites: tuple[Site, ...]


class Chosen(NamedTuple):
    """From where: the site, the address of the file there, whether the client is sent to it, and what proves stretches."""

    site: Known
    url: str
    redirects: bool
    digests: bytes


class _Proofs(NamedTuple):
    proved: dict[int, float]
    missing: dict[int, float]
    digests: bytes


class _Registry(NamedTuple):
    generation: int
    indexes: dict[int, Sending]
    sites: dict[str, Known]


_registry = _Registry(-1, {}, {})
_regions: tuple[list[str], Regions] = ([], Regions())
_proofs: OrderedDict[str, tuple[int, _Proofs]] = OrderedDict()
_lock = Lock()


@dataclass(frozen=True)
class Reader:
    """Who asks for what: the address of the client, and scheme and host of the index that it came to."""

    index: ServedIndex
    served: ServedFile
    path: str
    address: str
    origin: str


def choose(reader: Reader, watermark: Watermark) -> Chosen | None:
    """The site for this reader and file, or None where the origin gives it itself."""
    served = reader.served
    if not watermark.sites or served.stored is None or served.is_metadata or served.size > checking.MOST_BYTES:
        return None
    registry = _read(watermark.sites)
    sending = registry.indexes.get(reader.index.pk)
    near = _near(registry, sending, reader) if sending is not None else []
    if sending is None or not near:
        return None
    proofs = _proofs_of(served, watermark.sites)
    for known in near:
        if not notes.is_lacking(known.pk, served.sha256) and _has(known, proofs, reader):
            may = sending.mode == IndexSending.Mode.REDIRECT and known.may_redirect
            url = known.address.url(reader.index.name, reader.path)
            return Chosen(known, url, may and _may_be_sent(known, reader.origin), proofs.digests)
    return None


def _near(registry: _Registry, sending: Sending, reader: Reader) -> list[Known]:
    """The sites that may have this file, the best first."""
    served = reader.served
    try:
        address = ip_address(reader.address)
        client = Client(address, _regions_as_set().of(address))
    except ValueError:
        client = Client()
    is_public = served.member.anonymous_read
    allowed = [site for site in sending.sites if is_public or registry.sites[site.id].takes_private]
    part = client.part if notes.is_popular(served.sha256, served.size) else 0
    found = balancing.ordered(balancing.candidates(client, allowed), served.sha256, part, most=len(allowed))
    return [registry.sites[site.id] for site in found if not notes.is_blocked(registry.sites[site.id].pk)]


def _regions_as_set() -> Regions:
    """Read once, as long as the setting is the same list; what cannot be used stops the start."""
    global _regions  # noqa: PLW0603  one value per process, replaced as a whole
    words = settings.TPI_CLIENT_REGIONS
    if _regions[0] is not words:
        _regions = words, Regions(words)
    return _regions[1]


def _has(known: Known, proofs: _Proofs, reader: Reader) -> bool:
    """Whether the site was found to have the content; that it is looked for is noted where nobody has, or long ago."""
    now, until = time.time(), proofs.proved.get(known.pk, 0.0)
    is_old = until < now + (1 - _RENEWED) * checking.PROVED_FOR.total_seconds()
    if is_old and proofs.missing.get(known.pk, 0.0) < now - _MISSING_FOR:
        notes.wish(Wish(known.pk, reader.served.sha256, reader.index.pk, reader.path))
    return until > now and (reader.served.size <= STRETCH or bool(proofs.digests))


def _may_be_sent(known: Known, origin: str) -> bool:
    """Not to ourselves, where clients would bring their credentials along, and not from https to http."""
    return known.origin != origin and not (origin.startswith("https:") and known.origin.startswith("http:"))


def _proofs_of(served: ServedFile, generation: int) -> _Proofs:
    remembered = _proofs.get(served.sha256)
    if remembered is not None and remembered[0] == generation:
        return remembered[1]
    found = _look_up(served)
    with _lock:
        _proofs[served.sha256] = generation, found
        _proofs.move_to_end(served.sha256)
        while len(_proofs) > _MOST:
            _proofs.popitem(last=False)
    return found


def _look_up(served: ServedFile) -> _Proofs:
    rows = FileProof.objects.filter(sha256=served.sha256).values_list("site_id", "proved_at", "missing_at")
    proved, missing = {}, {}
    for site, proved_at, missing_at in rows:
        if proved_at is not None:
            proved[site] = (proved_at + checking.PROVED_FOR).timestamp()
        if missing_at is not None:
            missing[site] = missing_at.timestamp()
    digests = b""
    if served.size > STRETCH and proved:
        row = PieceDigests.objects.filter(sha256=served.sha256).first()
        digests = bytes(row.digests) if row is not None else b""
    return _Proofs(proved, missing, digests)


def _read(generation: int) -> _Registry:
    """The sites that take readers, of each index that gives them some; three queries after a change."""
    global _registry  # noqa: PLW0603  one value per process, replaced as a whole
    if _registry.generation != generation:
        _registry = _load(generation)
    return _registry


def _load(generation: int) -> _Registry:
    in_use = MirrorSite.objects.filter(state__in=standing.IN_USE)
    modes = dict(IndexSending.objects.exclude(mode=IndexSending.Mode.OFF).values_list("index_id", "mode"))
    if not modes:
        return _Registry(generation, {}, {})
    rows: dict[int, Site] = {}
    sites: dict[str, Known] = {}
    notes.judged({row.pk: row.state_at.timestamp() for row in in_use})
    for row in in_use:
        try:
            sites[row.name] = _known(row)
        except Unavailable:  # its key does not open; checks ring for it
            continue
        rows[row.pk] = _site(row)
    served: dict[int, list[Site]] = {}
    for index, site in SiteIndex.objects.filter(index__in=modes).order_by("site__name").values_list("index", "site"):
        if site in rows:
            served.setdefault(index, []).append(rows[site])
    indexes = {index: Sending(modes[index], tuple(found)) for index, found in served.items()}
    return _Registry(generation, indexes, sites)


def _known(row: MirrorSite) -> Known:
    target = Target.of(row.base_url.replace("{index}", ""))
    origin = f"{target.scheme}://{target.authority.lower()}"
    may_redirect = row.sending == MirrorSite.Sending.REDIRECT
    return Known(row.pk, row.name, secrets.address_of(row), origin, may_redirect, row.takes_private)


def _site(row: MirrorSite) -> Site:
    return Site(
        id=row.name,
        weight=row.weight,
        regions=(row.region.lower(),) if row.region else (),
        networks=tuple(ip_network(each) for each in row.networks),
        health=Health.SLOW if row.state == MirrorSite.State.SLOW else Health.HEALTHY,
        share=row.share,
    )


def forget_all() -> None:
    """Empty this process's memory of sites."""
    global _registry  # noqa: PLW0603  as above
    _registry = _Registry(-1, {}, {})
    with _lock:
        _proofs.clear()
