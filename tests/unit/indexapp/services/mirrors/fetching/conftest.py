"""Tries follow each other at once, and the upstream has a large file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from indexapp.services.mirrors.fetching import receiving, running
from tests.builders.core_metadata import Built
from tests.servers.ports import wait_until
from tests.servers.static_index import StaticIndex
from tests.unit.indexapp.services.mirrors.fetching.asked import LARGE


@pytest.fixture(autouse=True)
def _brief(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tries follow each other at once; and no download goes on when the database is emptied."""
    monkeypatch.setattr(receiving, "_PAUSE", 0.01)
    yield
    wait_until(lambda: not running.under_way(), 60, lambda: "a download does not end")


@pytest.fixture
def large(upstream: StaticIndex) -> Built:
    upstream.publish(LARGE)
    return LARGE
