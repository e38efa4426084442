"""How an index's upstream is reached."""

from __future__ import annotations

from pypi_simple import PYPI_SIMPLE_ENDPOINT

from indexapp.clients.upstream import UpstreamAddress
from indexapp.models import Index


def of(index: Index) -> UpstreamAddress:
    """The address of the mirror's upstream with all that is needed to be let in."""
    return UpstreamAddress(url=index.upstream.url or PYPI_SIMPLE_ENDPOINT)
