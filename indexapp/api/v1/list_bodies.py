"""Bodies that hold a list of requirements, which may be larger than what else this API is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from accounts.api.bodies import StrictJSONParser, parse_json
from tpi_site.kit import small_bodies
from tpi_site.kit.bodies import Body, turn
from tpi_site.kit.errors import TooLarge

MOST = 8 * 2**20
"""Bytes of a body; the lock of 2,000 packages has about four million."""


class ListParser(StrictJSONParser):
    """JSON as everywhere in this API.  A large body is read in its turn, and its sender is not waited for for ever."""

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """The value that the body spells; an empty body is an empty object."""
        environ = (parser_context or {})["request"].META
        body = Body(environ)
        if body.left > MOST:
            raise TooLarge(f"A body with a list has at most {MOST} bytes; divide the list.", code="body-too-large")
        raw = _received(body) if body.left > small_bodies.MOST else stream.read(small_bodies.MOST)
        return parse_json(raw) if raw.strip() else {}


def _received(body: Body) -> bytes:
    pieces = []
    with turn():
        while body.left:
            pieces.append(body.read(body.left))
    return b"".join(pieces)
