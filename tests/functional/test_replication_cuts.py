"""A connection that is cut at whatever byte: nothing of a cut answer counts, but of bytes what came, and that is gone on with."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from random import Random

import pytest

from tests.functional.replicating import ALIKE
from tests.functional.test_replication_faults import Replica
from tests.servers import inside
from tests.servers.bent import Bent, BentSite, straight
from tests.servers.tpi import TpiServer

pytestmark = pytest.mark.functional
_ASKED = {"feed": 2, "rows": 4}
"""How many cuts are made of each."""
_CUTS = 3
"""Of each content; one more than four in a row would be put off."""


def places(seed: int, length: int, number: int) -> list[int]:
    """Where to cut an answer: before its first byte, before its last one, and somewhere."""
    random = Random(seed)
    return sorted({0, length - 1, *(random.randrange(1, length - 1) for _ in range(number - 2))})


def test_an_answer_that_is_cut_anywhere_is_not_taken_and_bytes_are_gone_on_with(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    seed = int(request.config.getoption("randomly_seed", 0))
    with TpiServer(settings=ALIKE) as primary, BentSite(primary.url) as bent:
        replica = Replica(tmp_path, primary, bent.url)
        assert replica.join().returncode == 0
        before = replica.inside("replicated")
        primary.inside(inside.publish, numbers=[1, 2, 3, 4])
        for what, number in _ASKED.items():
            for at in range(number):
                _cut(bent, what, seed, at, number)
                assert replica.follow().returncode == 1, (what, seed, at)
        assert replica.status()["failing_since"]
        assert replica.inside("replicated") == before
        assert replica.data.ask("SELECT count(*) FROM indexapp_wantedblob") == [(0,)]
        _cut_bytes(bent, seed)
        replica.require_equal()
        alone = _alone(bent)
        assert alone, "the group that was cut left none to come alone"
        assert _goes_on(bent) == len(alone) * _CUTS


def _cut(bent: BentSite, what: str, seed: int, at: int, number: int) -> None:
    def bend(path: str, status: int, body: bytes) -> Bent:
        is_it = f"/{what}/" in path
        return Bent(status, body, places(seed, len(body), number)[at]) if is_it else straight(path, status, body)

    bent.bend = bend


def _cut_bytes(bent: BentSite, seed: int) -> None:
    """Cut each content some times, somewhere in what is left of it, and never before a first byte has come."""
    made: dict[str, int] = defaultdict(int)
    random = Random(seed)

    def bend(path: str, status: int, body: bytes) -> Bent:
        if "/blobs/" not in path or made[path] == _CUTS or len(body) <= 1:
            return straight(path, status, body)
        made[path] += 1
        return Bent(status, body, random.randrange(1, 1 + (len(body) - 1) // 2))

    bent.bend = bend
    bent.paths.clear()


def _alone(bent: BentSite) -> set[str]:
    """The contents that were asked for by themselves, which those are that a cut group had not brought whole."""
    return {path for path, _given in bent.paths if re.search(r"/blobs/[0-9a-f]{64}", path)}


def _goes_on(bent: BentSite) -> int:
    """How often it was asked for the rest of a content."""
    return sum(bool(re.fullmatch(r"bytes=[1-9][0-9]*-", given)) for path, given in bent.paths if "/blobs/" in path)
