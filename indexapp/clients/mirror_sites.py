"""Asking a mirror site for a file: in stretches, bounded in bytes and time, and told what sort of failure it was."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from indexapp.domain import signed_links
from tpi_site.kit import outbound
from tpi_site.kit.outbound import Limits, OutboundFailed, Response, Target, Way
from tpi_site.kit.outbound.failures import Code

STRETCH: Final = 1024 * 1024
"""Bytes that are believed or not as one; what has no more needs no digests but its own."""
_OK, _PART = 200, 206
_NOT_THERE = frozenset({404, 410})
_TOUCH = 2.0


class SiteTrouble(Exception):
    """It did not answer, not in time, or said that it cannot."""


class SiteLacks(SiteTrouble):
    """It says that it has no such file."""


class SiteLate(SiteTrouble):
    """It answers, and is too slow for what has so many bytes."""


class SiteWrong(Exception):
    """What it sends is not the content that was asked for."""


@dataclass(frozen=True)
class SiteAddress:
    """Where a site is, and with what addresses at it are signed."""

    base_url: str
    ca_certificates: str = field(default="", repr=False)
    signing: str = "none"
    key: str = field(default="", repr=False)

    def url(self, index: str, path: str) -> str:
        """The address of a file, signed for some minutes where the site wants that; never write it to a log."""
        url = signed_links.address(self.base_url, index, path)
        if self.signing == "none":
            return url
        until = int(time.time()) + signed_links.SECONDS
        return (signed_links.for_nginx if self.signing == "nginx" else signed_links.for_tpi)(url, self.key, until)

    @property
    def way(self) -> Way:
        """How it is reached."""
        return Way(self.base_url.replace("{index}", ""), ca_certificates=self.ca_certificates)


def stretches(site: SiteAddress, url: str, size: int, *, patience: float) -> Iterator[bytes]:
    """The bytes in stretches of :data:`STRETCH`, the last one shorter, and never more or fewer than ``size``.

    ``patience`` is for the head of the answer and for each stretch, in seconds, without those that the caller takes between
    two of them.  Raises SiteLacks, SiteTrouble, SiteWrong.
    """
    limits = Limits(most=size + STRETCH, head=patience, idle=patience)
    try:
        with outbound.get(url, way=site.way, limits=limits, stays=True) as answer:
            _require_file(answer, size)
            yield from _cut(answer, size, patience)
    except OutboundFailed as error:
        if error.code is Code.TOO_LARGE:
            raise SiteWrong(f"it sends more than {size} bytes") from None
        raise SiteTrouble(str(error)) from None


def touch(site: SiteAddress, url: str) -> None:
    """Ask for one byte: whether the site answers at this moment.  Raises SiteTrouble."""
    limits = Limits(most=2**62, head=_TOUCH, idle=_TOUCH, total=_TOUCH)
    try:
        with outbound.get(url, {"Range": "bytes=0-0"}, way=site.way, limits=limits, stays=True) as answer:
            _require(answer, _OK, _PART)
            next(answer.body, b"")
    except OutboundFailed as error:
        raise SiteTrouble(str(error)) from None


def _require(answer: Response, *statuses: int) -> None:
    if answer.status in _NOT_THERE:
        raise SiteLacks(f"{Target.of(answer.url).host} answers {answer.status}.")
    if answer.status not in statuses:
        raise SiteTrouble(f"{Target.of(answer.url).host} answers {answer.status}.")


def _require_file(answer: Response, size: int) -> None:
    _require(answer, _OK)
    if answer.encoding != "identity":
        raise SiteTrouble(f"{Target.of(answer.url).host} packs what was asked for as it is.")
    if answer.length is not None and answer.length != size:
        raise SiteWrong(f"it announces {answer.length} bytes instead of {size}")


def _cut(answer: Response, size: int, patience: float) -> Iterator[bytes]:
    host, is_announced, left = Target.of(answer.url).host, answer.length is not None, size
    kept, until = bytearray(), time.monotonic() + patience
    for piece in answer.body:
        kept += piece
        if len(kept) > left:
            raise SiteWrong(f"it sends more than {size} bytes")
        while len(kept) >= STRETCH:
            yield bytes(kept[:STRETCH])
            del kept[:STRETCH]
            left -= STRETCH
            until = time.monotonic() + patience
        if time.monotonic() > until:
            raise SiteTrouble(f"{host} sends too slowly.")
    if len(kept) < left:
        if is_announced:
            raise SiteWrong(f"it sends fewer than {size} bytes")
        raise SiteTrouble(f"{host} broke off in the middle of a file.")
    if kept:
        yield bytes(kept)
