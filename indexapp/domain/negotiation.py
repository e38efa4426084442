"""Which of the Simple API's media types answers a request (PEP 691, RFC 9110 section 12.5.1).

The choice follows PyPI where the standards leave it open: ``text/html`` where nothing was asked for or nothing fits,
never 406, which uv and poetry take for the end of the world.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import Literal

from indexapp.domain.quality_values import parse_weights
from tpi_site.kit.errors import Invalid

_LONGEST_KEPT_HEADER = 512


class SimpleType(Enum):
    """A media type of the Simple API; in order of preference where a client has none."""

    HTML = "text/html"
    V1_HTML = "application/vnd.pypi.simple.v1+html"
    V1_JSON = "application/vnd.pypi.simple.v1+json"

    @property
    def kind(self) -> Literal["html", "json"]:
        """Which document it carries: the two HTML types share one."""
        return "json" if self is SimpleType.V1_JSON else "html"

    @property
    def content_type(self) -> str:
        """The ``Content-Type`` to send.

        The versioned types bear no charset: devpi compares for equality, and would read JSON with one as an empty HTML
        page.  The pages are ASCII, so nothing hangs on it.
        """
        return "text/html; charset=utf-8" if self is SimpleType.HTML else self.value


_BY_NAME = {
    **{offer.value: offer for offer in SimpleType},
    "application/vnd.pypi.simple.latest+html": SimpleType.V1_HTML,
    "application/vnd.pypi.simple.latest+json": SimpleType.V1_JSON,
}
_NAMES = {offer: tuple(name for name, named in _BY_NAME.items() if named is offer) for offer in SimpleType}


def negotiate_simple(accept: str | None, format: str | None) -> SimpleType:  # noqa: A002  the parameter's own name
    """Return the type that answers an ``Accept`` header and a ``?format=`` parameter, of which the latter wins.

    A malformed header never raises; a ``format`` that is none of the five types is refused as ``Invalid``.
    """
    if format is not None:
        return _by_format(format)
    if accept is None:
        return SimpleType.HTML
    # Every installer sends one constant header, so a few entries serve all; long ones are not worth the memory.
    return _by_accept(accept) if len(accept) <= _LONGEST_KEPT_HEADER else _by_accept.__wrapped__(accept)


def _by_format(wanted: str) -> SimpleType:
    # PEP 691 shows the type with a bare '+', which form decoding turns into a space.
    chosen = _BY_NAME.get(wanted.strip().lower().replace(" ", "+"))
    if chosen is None:
        raise Invalid(f"The format parameter takes one of: {', '.join(_BY_NAME)}.", code="unknown-format")
    return chosen


@lru_cache(maxsize=256)
def _by_accept(accept: str) -> SimpleType:
    weights = parse_weights(accept)
    # ``max`` keeps the first of equals, which is the order of SimpleType.
    best = max(SimpleType, key=lambda offer: _rank(offer, weights))
    return best if _rank(best, weights)[0] > 0 else SimpleType.HTML


def _rank(offer: SimpleType, weights: dict[str, float]) -> tuple[float, int]:
    """Return the weight given by the most specific range that covers ``offer``, and how specific that range is."""
    family = offer.value.partition("/")[0] + "/*"
    for specificity, names in ((2, _NAMES[offer]), (1, (family,)), (0, ("*/*",))):
        named = [weights[name] for name in names if name in weights]
        if named:
            return max(named), specificity
    return 0.0, 0
