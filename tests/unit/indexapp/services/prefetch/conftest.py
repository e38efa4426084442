from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from indexapp.services.mirrors import asking
from tests.builders.sdists import build_sdist
from tests.builders.wheels import build_wheel
from tests.servers.static_index import StaticIndex


@pytest.fixture(autouse=True)
def _loopback_may_be_asked(settings: Any) -> Iterator[None]:
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    yield
    asking.forget_all()


@pytest.fixture
def upstream() -> Iterator[StaticIndex]:
    files = [
        build_wheel("acme-tool", "1.0"),
        build_wheel("acme-tool", "2.0"),
        build_wheel("acme-fast", "1.0", tags="cp312-cp312-manylinux_2_17_x86_64"),
        build_wheel("acme-fast", "1.0", tags="cp312-cp312-win_amd64"),
        build_sdist("acme-fast", "1.0"),
    ]
    with StaticIndex(files) as server:
        yield server
