"""Bytes of a mirror site passed on to a reader, each stretch only once it was proved; the origin goes on where it fails."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from typing import Final

from indexapp.clients import mirror_sites as client
from indexapp.clients.mirror_sites import STRETCH, SiteLacks, SiteTrouble, SiteWrong
from indexapp.services.sites import notes, turns
from indexapp.services.sites.choosing import Chosen

_PATIENCE: Final = 3.0
"""Seconds for the head of the site's answer and for each stretch; installers wait for 15 at least.

So a site must send some 350 kB a second; what the reader takes its time for is not counted.
"""
_PAUSE: Final = 10.0
"""Seconds for which a reader may leave a stretch lying; a site that ends the connection after that is not blamed."""


def pieces(chosen: Chosen, sha256: str, size: int, own: Callable[[int], Iterator[bytes]]) -> Iterator[bytes]:
    """The content; ``own`` gives its bytes from an offset on, and does so from the first that the site does not prove.

    A reader of this never gets a wrong byte, and waits for a site that hangs for some seconds once.  Where the site holds as
    many answers of this process as it may, all bytes are our own.
    """
    taken = 0
    with turns.one(chosen.site.pk) as is_free:
        if is_free:
            for stretch in _good(chosen, sha256, size):
                taken += len(stretch)
                yield stretch
            notes.given(chosen.site.pk, taken)
    if taken < size:
        yield from own(taken)


def _good(chosen: Chosen, sha256: str, size: int) -> Iterator[bytes]:
    """What the site proves of it, until it fails, of which a note is made."""
    site, paused = chosen.site.pk, 0.0
    try:
        for stretch in _proved(chosen, sha256, size):
            began = time.monotonic()
            yield stretch
            paused = time.monotonic() - began
    except SiteLacks:
        notes.lacked(site, sha256)
    except SiteTrouble as error:
        if paused < _PAUSE:
            notes.failed(site, str(error), is_wrong=False)
    except SiteWrong as error:
        notes.failed(site, str(error), is_wrong=True)


def _proved(chosen: Chosen, sha256: str, size: int) -> Iterator[bytes]:
    digests = chosen.digests if size > STRETCH else bytes.fromhex(sha256)
    found = client.stretches(chosen.site.address, chosen.url, size, patience=_PATIENCE)
    for number, stretch in enumerate(found):
        if hashlib.sha256(stretch).digest() != digests[number * 32 : number * 32 + 32]:
            raise SiteWrong(f"the bytes from {number * STRETCH} on of the content {sha256} are others")
        yield stretch


def is_answering(chosen: Chosen, sha256: str) -> bool:
    """Whether the site answers for this very file now, or did a moment ago for another; waits for it two seconds at most."""
    if notes.is_heard(chosen.site.pk):
        return True
    try:
        client.touch(chosen.site.address, chosen.url)
    except SiteLacks:
        notes.lacked(chosen.site.pk, sha256)
        return False
    except SiteTrouble as error:
        notes.failed(chosen.site.pk, str(error), is_wrong=False)
        return False
    notes.heard(chosen.site.pk)
    return True
