"""Questions to an upstream, and what their statuses mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from indexapp.clients.addresses import UpstreamAddress
from indexapp.clients.failures import Failure, UpstreamFailed
from tpi_site.kit import outbound
from tpi_site.kit.outbound import Limits, OutboundFailed, Response, Target

MISSING = frozenset({404, 410})
_REFUSED = frozenset({401, 403, 407})
_MOST_RETRY_AFTER = 24 * 3600  # seconds; an upstream that asks for more has lost its clock
_TROUBLE = 500


@contextmanager
def failures_told() -> Iterator[None]:
    """Raise what fails on the way out as UpstreamFailed."""
    try:
        yield
    except OutboundFailed as error:
        raise UpstreamFailed.of(error) from None


def ask(
    address: UpstreamAddress, url: str, headers: Mapping[str, str], *, limits: Limits, takes_gzip: bool = False
) -> Response:
    """The answer, which the caller closes, whatever its status; raises UpstreamFailed."""
    with failures_told():
        return outbound.get(url, headers, way=address.way, limits=limits, takes_gzip=takes_gzip)


def told(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same, failing with UpstreamFailed."""
    with failures_told():
        yield from pieces


def refusal(response: Response) -> UpstreamFailed:
    """What a status that is not wanted means; never quotes the body."""
    host, status = Target.of(response.url).host, response.status
    if status in _REFUSED:
        return UpstreamFailed(f"{host} answers {status}: it wants other credentials for this.", Failure.REFUSED)
    if status in MISSING:
        return UpstreamFailed(f"{host} answers {status}: it does not have this any more.", Failure.MISSING)
    kind = Failure.BUSY if status == 429 or status >= _TROUBLE else Failure.BAD_ANSWER  # noqa: PLR2004  too many requests
    return UpstreamFailed(f"{host} answers {status}.", kind, retry_after=_retry_after(response))


def _retry_after(response: Response) -> int | None:
    """Seconds; the form with a date is not read."""
    said = (response.headers.get("Retry-After") or "").strip()
    return min(int(said), _MOST_RETRY_AFTER) if said.isdecimal() and said.isascii() and len(said) < 10 else None  # noqa: PLR2004  digits
