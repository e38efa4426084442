"""Asking the primary: who it is, whether there is something new, a batch, and bytes by their digest."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from indexapp.clients.files import plain
from indexapp.domain.replication import batches, frames
from indexapp.domain.replication.batches import BadBatch, Batch
from indexapp.domain.replication.frames import Frame
from tpi_site.kit import outbound
from tpi_site.kit.outbound import Limits, OutboundFailed, Response, Target, Way
from tpi_site.kit.outbound.connecting import resolved

SITE = "X-TPI-Site"
_ROOT = "api/v1/replication"
_SMALL = 1024 * 1024
_FRAMES = 2 * frames.MOST_BYTES
_LARGE = 64 * 1024 * 1024
"""More than the digests of any chunk, and the rows of any project, have."""
_DIGESTS = 100.0
"""Seconds more in which a chunk of giant projects is read."""
_OK, _PART = 200, 206
_TROUBLE = 500
_SECONDS = re.compile(r"[0-9]{1,6}\Z")
_HEAD = 20.0
_BYTES = 2**62


def _nothing() -> None:
    """Nobody wants to know."""


def seconds(said: str | None) -> int:
    """Of a ``Retry-After``; 0 where it says none, or a date."""
    return int(said) if said and _SECONDS.match(said) else 0


class PrimaryFailed(Exception):
    """What was asked for did not come; ``code`` is the primary's or the sort of failure, ``status`` is 0 without an answer.

    ``retry_after`` are the seconds that it asks to wait, 0 where it says nothing.
    """

    def __init__(self, sentence: str, code: str, status: int = 0, retry_after: int = 0) -> None:
        super().__init__(sentence)
        self.code, self.status, self.retry_after = code, status, retry_after

    @property
    def may_pass(self) -> bool:
        """Whether the same question may be answered soon."""
        return self.status in {0, 429} or self.status >= _TROUBLE


INSECURE = ("primary-insecure", "the replica's secret and what it opens are")


def require_confidential(url: str, code: str, what: str) -> None:
    """Refuse to send over the open network in clear what must not be heard there; raises PrimaryFailed.

    Who is near by, where ``TPI_OUTBOUND_NETWORKS`` has to name the network, may be asked without TLS.
    """
    target = Target.of(url)
    if target.is_secure:
        return
    addresses = resolved(target.host, target.port) or []
    if any(ipaddress.ip_address(address).is_global for address in addresses):
        raise PrimaryFailed(f"{target.host} is followed without TLS; {what} not sent there.", code)


@dataclass(frozen=True)
class Primary:
    """``url`` is the site's own address, ``site`` who asks; ``heard`` is called as the pieces of a batch come."""

    url: str
    secret: str = field(repr=False)
    site: str
    ca_certificates: str = field(default="", repr=False)
    heard: Callable[[], None] = field(default=_nothing, repr=False, compare=False)

    def hello(self) -> dict[str, Any]:
        """Who the primary is, and what it must have like this site."""
        return self._json("hello/", {})

    def news(self, asked: Mapping[str, Any], wait: float) -> dict[str, Any]:
        """The newest serial and the generations, as soon as they are others than ``asked`` says."""
        return self._json("feed/", {**asked, "wait": wait}, patience=wait)

    def tree(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Digests of what is there, as :mod:`indexapp.services.replication.showing` says."""
        return self._json("tree/", asked, patience=_DIGESTS, most=_LARGE)

    def batch(self, wish: Mapping[str, Any]) -> Batch:
        """What follows; whole, or PrimaryFailed."""
        limits = Limits(most=batches.MOST_BYTES, head=120.0, idle=60.0, total=900.0)
        body = json.dumps(wish).encode()
        with _told():
            headers = {SITE: self.site, "Content-Type": "application/json"}
            with outbound.send(self._address("rows/"), body, headers, way=self._way, limits=limits) as answer:
                self._require(answer, _OK)
                return batches.read(self._listening(answer.body))

    def _listening(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.heard()
            yield piece

    @contextmanager
    def blob(self, sha256: str, start: int) -> Iterator[Iterator[bytes]]:
        """The bytes of a content from ``start`` on."""
        with self.content(sha256, start) as (_, pieces):
            yield pieces

    @contextmanager
    def content(self, sha256: str, start: int) -> Iterator[tuple[int | None, Iterator[bytes]]]:
        """The same, with how many bytes there are of all of it, where that is said."""
        headers = {SITE: self.site} | ({"Range": f"bytes={start}-"} if start else {})
        limits = Limits(most=_BYTES, head=_HEAD, idle=30.0)
        with _told(), outbound.get(self._address(f"blobs/{sha256}/"), headers, way=self._way, limits=limits) as answer:
            self._require(answer, _PART if start else _OK)
            said = answer.headers.get("Content-Range") or ""
            if start and not said.startswith(f"bytes {start}-"):
                raise PrimaryFailed("The primary sends another part than was asked for.", "bad-answer")
            whole = said.rpartition("/")[2] if start else str(answer.length)
            yield (int(whole) if whole.isdecimal() else None), answer.body

    def contents(self, digests: Sequence[str]) -> Iterator[Frame]:
        """Small contents, as many of them as one answer has; raises PrimaryFailed after those that came whole."""
        limits = Limits(most=_FRAMES, head=60.0, idle=30.0)
        body = json.dumps({"sha256": list(digests)}).encode()
        headers = {SITE: self.site, "Content-Type": "application/json"}
        with (
            _told(),
            outbound.send(self._address("blobs/"), body, headers, way=self._way, limits=limits) as answer,
        ):
            self._require(answer, _OK)
            yield from frames.read(answer.body)

    @property
    def _way(self) -> Way:
        require_confidential(self.url, *INSECURE)
        return Way(self.url, username="replica", password=self.secret, ca_certificates=self.ca_certificates)

    def _address(self, path: str) -> str:
        return f"{self.url.rstrip('/')}/{_ROOT}/{path}"

    def _json(
        self, path: str, asked: Mapping[str, Any], *, patience: float = 0.0, most: int = _SMALL
    ) -> dict[str, Any]:
        url = self._address(path) + (f"?{urlencode(asked)}" if asked else "")
        limits = Limits(most=most, head=_HEAD + patience, idle=_HEAD, total=_HEAD)
        with _told(), outbound.get(url, {SITE: self.site}, way=self._way, limits=limits) as answer:
            self._require(answer, _OK)
            found = json.loads(b"".join(answer.body))
            if not isinstance(found, dict):
                raise BadBatch("it is no JSON object")
            return found

    def _require(self, answer: Response, status: int) -> None:
        if answer.status == status:
            return
        code, sentence = "bad-answer", f"{Target.of(answer.url).host} answers {answer.status}."
        with suppress(ValueError, AttributeError, RecursionError, OutboundFailed):
            problem = json.loads(b"".join(answer.body)[:_SMALL])
            code, sentence = plain(str(problem["code"]), 40), plain(str(problem["detail"]), 300)
        raise PrimaryFailed(sentence, code, answer.status)


@contextmanager
def _told() -> Iterator[None]:
    """Whatever goes wrong as PrimaryFailed."""
    try:
        yield
    except OutboundFailed as error:
        raise PrimaryFailed(str(error), error.code.value) from None
    except (BadBatch, ValueError, KeyError, RecursionError) as error:
        raise PrimaryFailed(f"The primary's answer cannot be read: {error}.", "bad-answer") from None
