"""The short form of :mod:`tests.soak.serials`: eight writers, and a reader with a cursor that misses nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak import serials

pytestmark = [pytest.mark.functional, pytest.mark.database, pytest.mark.xdist_group("cluster")]


def test_a_reader_with_a_cursor_misses_no_change_of_eight_writers(tmp_path: Path) -> None:
    assert serials.run(tmp_path, writers=8, seconds=60, most=40) == []
