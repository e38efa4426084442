"""An upstream on loopback and a mirror of it that everybody may read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from indexapp.models import Index
from tests.builders.wheels import build_wheel
from tests.factories.publishing import make_mirror
from tests.servers.static_index import StaticFile, StaticIndex


@pytest.fixture
def upstream(settings: Any) -> Iterator[StaticIndex]:
    """It has two versions of ``acme-tool``."""
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    with StaticIndex() as server:
        for version in ("1.0", "1.1"):
            server.publish(StaticFile(*build_wheel("acme-tool", version), requires_python=">=3.9"))
        yield server


@pytest.fixture
def mirror(upstream: StaticIndex, db: None) -> Index:
    """Open to all."""
    return make_mirror("outside", upstream.url, anonymous_read=True)
