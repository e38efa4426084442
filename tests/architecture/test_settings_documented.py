from __future__ import annotations

import re

from tests.architecture.source import ROOT
from tpi_site.settings import env


def _documented() -> set[str]:
    table = (ROOT / "docs" / "settings.md").read_text()
    return set(re.findall(r"^\| `(TPI_[A-Z_]+)` \|", table, re.MULTILINE))


def test_every_setting_that_is_read_is_documented_and_the_other_way_round() -> None:
    assert set(env.declared) == _documented()
