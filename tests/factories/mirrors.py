"""Mirrors of upstreams that tests run."""

from __future__ import annotations

from typing import Any

from indexapp.models import Index, Upstream
from tests.factories.publishing import make_index


def make_mirror(url: str, name: str = "outside", **values: Any) -> Index:
    """A mirror index of the upstream at ``url``; ``values`` are of its upstream."""
    index = make_index(name, kind=Index.Kind.MIRROR)
    Upstream.objects.create(index=index, url=url, **values)
    return index
