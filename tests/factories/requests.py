"""Being inside a request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tpi_site.kit.request_context import RequestContext, current


@contextmanager
def seen_from(address: str, client: str = "pip/25.0") -> Iterator[None]:
    """The block runs as part of a request from ``address``."""
    token = current.set(RequestContext("a-request", address, client))
    try:
        yield
    finally:
        current.reset(token)
