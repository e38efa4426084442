from __future__ import annotations

import tomllib
from pathlib import Path

from tpi_site.kit.release import RELEASE


def test_the_release_is_that_of_the_project() -> None:
    project = Path(__file__).resolve().parent.parent.parent.parent / "pyproject.toml"
    assert tomllib.loads(project.read_text("utf-8"))["project"]["version"] == RELEASE
