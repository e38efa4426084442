"""Exports of the tests' own indexes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from indexapp.models import Index
from indexapp.services.static_export import exporting
from indexapp.services.static_export.exporting import Summary, Wish
from tests.factories.people import SYSTEM
from tests.plugins import process_memory

Export = Callable[..., Summary]


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "tree"


@pytest.fixture
def export(to: Path) -> Export:
    """As a command of its own, which remembers nothing."""

    def run(index: Index, **wish: Any) -> Summary:
        process_memory.forget()
        return exporting.export(actor=SYSTEM, wish=Wish(index.name, wish.pop("folder", to), **wish))

    return run
