from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _loopback_may_be_asked(settings: Any) -> None:
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8"]
