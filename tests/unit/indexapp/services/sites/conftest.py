"""An open index with a wheel of three stretches, and a site that answers every question with it."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from indexapp.models import File, Index, MirrorSite
from indexapp.services.sites import checking
from tests.builders.core_metadata import Built
from tests.builders.wheels import build_wheel
from tests.factories.mirror_sites import make_site
from tests.factories.publishing import make_index, published
from tests.servers.text_server import TextServer

LARGE = build_wheel("acme-large", files={"noise": Random(1).randbytes(2_300_000)})


@pytest.fixture
def built() -> Built:
    return LARGE


@pytest.fixture
def index(db: None) -> Index:
    return make_index("open", anonymous_read=True)


@pytest.fixture
def file(index: Index, built: Built) -> File:
    return published(index, built)


@pytest.fixture
def server(built: Built, settings: Any) -> Iterator[TextServer]:
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    with TextServer(built.content, "application/octet-stream") as made:
        yield made


@pytest.fixture
def site(server: TextServer, index: Index, file: File) -> MirrorSite:
    """On probation."""
    return make_site(url=server.url.removesuffix("simple/"), indexes=[index], lag_hours=0)


@pytest.fixture
def healthy(site: MirrorSite) -> MirrorSite:
    """Checked as often as it takes."""
    for _ in range(3):
        checking.run(now=True)
    site.refresh_from_db()
    assert site.state == MirrorSite.State.HEALTHY
    return site
