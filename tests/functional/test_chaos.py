"""The short form of :mod:`tests.soak.chaos`: each kind of failure once, under real clients, and the books in the end."""

from __future__ import annotations

import pytest

from tests.soak import chaos

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("cluster")]


def test_what_was_acknowledged_outlives_every_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chaos, "LONGEST_FAILURE", 1.5)
    with chaos.Site(seed=1) as site:
        wrong = chaos.run(site, sorted(chaos.BLOWS))
    assert set(site.blows) == set(chaos.BLOWS)
    assert wrong == []
