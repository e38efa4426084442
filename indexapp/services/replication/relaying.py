"""An upload that comes to a replica: the primary is asked to take it, and its sender hears of it when it can be read here.

The primary alone says who may: it is shown the sender's own credentials, and never the replica's secret, which opens no upload.
Whatever goes wrong on the way, sending it again is safe: the primary takes the same bytes under the same name again.
"""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from accounts.domain.actors import Actor
from indexapp.clients import relaying as client
from indexapp.clients.primary import PrimaryFailed
from indexapp.clients.relaying import Told, Upload
from indexapp.domain.replication import forms
from indexapp.domain.replication.forms import Frame
from indexapp.models import Following, WantedBlob
from indexapp.services.blobs import BlobVanishedError
from indexapp.services.replication import epochs, fetching
from indexapp.services.uploads import Accepted, Incoming
from indexapp.storage import StorageUnavailable
from tpi_site.kit import read_only
from tpi_site.kit.bodies import long_turn
from tpi_site.kit.errors import (
    Forbidden,
    Gone,
    Invalid,
    NoSpace,
    Refusal,
    Throttled,
    TooLarge,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from tpi_site.kit.outbound import Code
from tpi_site.kit.read_only import ReadOnly

log = logging.getLogger(__name__)
PATIENCE = 30.0
"""Seconds for which is waited until this site has what the primary has taken."""
MOST_HOPS = 8
_TRIES, _PAUSE = 2, 0.5
_FIRST_LOOK, _LAST_LOOK = 0.02, 0.2
_PIECE = 1024 * 1024
_SOON = 10
_KEY = re.compile(r"[A-Za-z0-9_-]{1,100}\Z")
_REFUSALS: dict[int, type[Refusal]] = {
    400: Invalid,
    401: Unauthenticated,
    403: Forbidden,
    405: Unsupported,
    410: Gone,
    413: TooLarge,
    507: NoSpace,
}


@dataclass(frozen=True)
class Came:
    """How an upload came: ``sites`` and ``key`` are empty where it came from its sender; ``address`` is the sender's."""

    authorization: str = field(repr=False)
    address: str
    sites: tuple[UUID, ...] = ()
    key: str = ""


def read_way(sites: str, key: str, *, authorization: str, address: str) -> Came:
    """From what a request says; refuses what no site says."""
    try:
        known = tuple(UUID(each.strip()) for each in sites.split(",")) if sites else ()
    except ValueError:
        known = None
    if known is None or (key and not _KEY.match(key)):
        raise Invalid("The request does not say as it should through which sites it came.", code="relay-malformed")
    return Came(authorization, address, known, key if known else "")


def is_possible() -> bool:
    """Whether uploads are the primary's to take; refuses them where this site is a replica and takes none besides."""
    if read_only.primary() is None:
        return False
    if not read_only.relays():
        raise ReadOnly(read_only.why() or "")
    if (row := Following.objects.first()) is not None and row.is_paused:
        raise ReadOnly(f"It is a replica of {row.primary_url} and paused; upload there.")
    return True


def relay(*, actor: Actor, incoming: Incoming, came: Came) -> Accepted:
    """Let the primary publish the incoming file, and return when this site serves it; raises what the primary says against."""
    row = Following.objects.first()
    if row is None:
        raise Unavailable("This site has just ceased to be a replica; send it again.", retry_after=1)
    with long_turn():
        told = _handed_on(row, incoming, came)
        if told.status != client.TAKEN:
            raise _refusal(told)
        if told.site != str(row.primary_site):
            raise _failed(row, "Another installation answers at its address.")
        log.info("%s: %s of %s was taken by the primary.", actor.display_name, incoming.filename, incoming.index.name)
        _wait_until_here(row, told.serial)
        _keep(incoming)
    return Accepted(is_new=True, warnings=told.warnings)


def _way_on(came: Came) -> tuple[UUID, ...]:
    site = epochs.site()
    if site in came.sites or len(came.sites) >= MOST_HOPS:
        raise Unavailable(
            "The replicas hand this upload on in a circle, or through too many; upload it to the primary, and look at whom "
            "each of them follows.",
            retry_after=60,
            code="relay-loop",
        )
    return (*came.sites, site)


def key_of(site: UUID, incoming: Incoming) -> str:
    """The same for the same file whenever its sender repeats it."""
    told = [str(site), incoming.index.name, incoming.filename, incoming.digest.sha256]
    return hashlib.sha256("\0".join(told).encode()).hexdigest()


def own_key(came: Came, incoming: Incoming) -> str:
    """The key that it came with, where it is that of these very bytes; a key of others' must not keep those out later."""
    return came.key if came.sites and came.key == key_of(came.sites[0], incoming) else ""


def _handed_on(row: Following, incoming: Incoming, came: Came) -> Told:
    way = _way_on(came)
    headers = {
        "Authorization": came.authorization,
        client.RELAY: ", ".join(str(site) for site in way),
        client.KEY: came.key or key_of(way[-1], incoming),
        "X-Forwarded-For": came.address,
    }
    frame = forms.frame(incoming.fields, incoming.filename, incoming.content_type, secrets.token_hex(20))
    length = len(frame.head) + incoming.spool.size + len(frame.tail)
    for attempt in range(1, _TRIES + 1):
        upload = Upload(incoming.index.name, frame.content_type, length, _pieces(frame, incoming))
        try:
            return client.hand_on(row.primary_url, row.ca_certificates, upload, headers)
        except PrimaryFailed as error:
            if attempt == _TRIES or error.code != Code.UNREACHABLE:
                raise _failed(row, str(error), error.retry_after) from None
        time.sleep(_PAUSE)
    raise AssertionError("the last try returns or raises")


def _pieces(frame: Frame, incoming: Incoming) -> Iterator[bytes]:
    yield frame.head
    incoming.spool.file.seek(0)
    while piece := incoming.spool.file.read(_PIECE):
        yield piece
    yield frame.tail


def _failed(row: Following, why: str, retry_after: int = 0) -> Unavailable:
    log.warning("An upload could not be relayed to the primary %s: %s", row.primary_url, why)
    return Unavailable(
        f"This site is a replica of {row.primary_url}, which did not say that it took the upload: {why} Send it again; that "
        "is safe, whether it was taken or not.",
        retry_after=retry_after or _SOON,
        code="primary-unavailable",
    )


def _refusal(told: Told) -> Refusal:
    """What the primary says of the upload, in its own words."""
    if told.status in _REFUSALS:
        return _REFUSALS[told.status](told.sentence, code=told.code)
    if told.status == 429:  # noqa: PLR2004  too many requests
        return Throttled(told.sentence, retry_after=told.retry_after or _SOON, code=told.code)
    if told.status == 503:  # noqa: PLR2004  as it says
        return Unavailable(told.sentence, retry_after=told.retry_after or _SOON, code=told.code)
    return Unavailable(
        f"The primary of this replica failed with {told.status}: {told.sentence} Send it again; that is safe.",
        retry_after=told.retry_after or _SOON,
        code="primary-unavailable",
    )


def _wait_until_here(row: Following, serial: int) -> None:
    """Return when the follower has come to the serial; raises Unavailable where that takes too long."""
    end, pause = time.monotonic() + PATIENCE, _FIRST_LOOK
    while (cursor := Following.objects.values_list("cursor", flat=True).first()) is not None:
        if cursor >= serial:
            return
        if time.monotonic() > end:
            break
        time.sleep(pause)
        pause = min(pause * 1.5, _LAST_LOOK)
    raise Unavailable(
        f"The primary {row.primary_url} took the upload as of serial {serial}, and this replica of it is not that far yet. It "
        "is published; send it again to wait longer, which changes nothing.",
        retry_after=_SOON,
        code="taken-not-here-yet",
    )


def _keep(incoming: Incoming) -> None:
    """Spare the fetcher bytes that are here already; nothing where it was quicker, or this site holds no bytes of the file."""
    wanted = WantedBlob.objects.filter(sha256=incoming.digest.sha256).first()
    if wanted is None:
        return
    try:
        fetching.keep(wanted, incoming.spool)
    except (StorageUnavailable, OSError, BlobVanishedError) as error:  # it is published all the same
        log.warning("The bytes of %s are left for the follower to fetch: %s", incoming.filename, error)
