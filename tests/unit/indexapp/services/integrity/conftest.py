"""A published file on each kind of store, sealed and plain, and ways to spoil what is stored."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from indexapp import storage
from indexapp.models import File
from indexapp.storage.memory import MemoryStore
from tests.builders.core_metadata import Built
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.publishing import published


@pytest.fixture(params=["disk sealed", "disk plain", "memory sealed", "memory plain"])
def kind(
    request: pytest.FixtureRequest, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, db: None
) -> str:
    """Where the bytes are kept, and how."""
    kind: str = request.param
    settings.TPI_ENCRYPT = kind.endswith("sealed")
    if kind.startswith("memory"):
        really, memory = storage.addresses.store_for, MemoryStore(tmp_path / "spools")
        monkeypatch.setattr(
            storage.addresses,
            "store_for",
            lambda address, spools: memory if address == settings.TPI_STORAGE_URL else really(address, spools),
        )
    storage.forget_default()
    return kind


@pytest.fixture
def built() -> Built:
    """A wheel that takes several segments."""
    return build_wheel(files={"noise.bin": random.Random(8).randbytes(500_000)})


@pytest.fixture
def file(kind: str, cast: Cast, built: Built) -> File:
    """It, published."""
    return published(cast.index, built)
