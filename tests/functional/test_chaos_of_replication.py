"""The short form of :mod:`tests.soak.replication`: each kind of failure once between a primary and its replica."""

from __future__ import annotations

import pytest

from tests.soak import replication

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("cluster")]


def test_a_replica_is_equal_to_its_primary_after_every_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replication, "LONGEST_FAILURE", 1.5)
    with replication.Pair(seed=1) as pair:
        wrong = replication.run(pair, sorted(replication.BLOWS))
    assert set(pair.blows) == set(replication.BLOWS)
    assert pair.cuts
    assert wrong == []
