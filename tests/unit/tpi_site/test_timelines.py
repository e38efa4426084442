from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tpi_site.kit.postgresql import timelines


class _Server:
    """A connection's two answers."""

    def __init__(self, system: int, segment: str) -> None:
        self._row = (system, segment)

    def execute(self, statement: str) -> Any:
        assert "pg_walfile_name" in statement
        return self

    def fetchone(self) -> tuple[int, str]:
        return self._row


def _of(timeline: int, system: int = 7) -> _Server:
    return _Server(system, f"{timeline:08X}0000000000000003")


@pytest.fixture(autouse=True)
def _folder(settings: Any, tmp_path: Path) -> None:
    settings.TPI_DATA_DIR = tmp_path


def test_who_was_taken_over_from_is_behind_for_good() -> None:
    assert not timelines.is_behind(_of(1))
    assert not timelines.is_behind(_of(0x1A))
    assert timelines.is_behind(_of(1))
    assert timelines.is_behind(_of(0x19))
    assert not timelines.is_behind(_of(0x1A))


def test_another_cluster_has_a_history_of_its_own() -> None:
    assert not timelines.is_behind(_of(5))
    assert not timelines.is_behind(_of(1, system=8))
    assert timelines.is_behind(_of(4))


def test_a_file_that_cannot_be_read_is_written_anew(tmp_path: Path) -> None:
    for broken in ("", "[]", '{"7": "x"}'):
        (tmp_path / "database-timelines.json").write_text(broken)
        assert not timelines.is_behind(_of(2))
        assert timelines.is_behind(_of(1))
    assert [path.name for path in tmp_path.iterdir()] == ["database-timelines.json"]
