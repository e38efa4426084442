"""What is not what was announced reaches neither a client whole nor the store."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from django.db import DatabaseError

from accounts.models import Alarm
from indexapp.models import Blob, File, Index
from indexapp.services.mirrors.fetching import keeping
from indexapp.services.mirrors.fetching.download import BrokenOff
from tests.builders.core_metadata import Built
from tests.builders.wheels import build_wheel
from tests.servers.static_index import Behaviour, StaticFile, StaticIndex
from tests.unit.indexapp.services.mirrors.fetching.asked import LARGE, address, fetched, kept, settled, when_begun
from tests.wsgi_client import WsgiClient

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("digests", [{"sha256": "0" * 64}, {"md5": "0" * 32}, {"blake2b": "0" * 128}])
def test_wrong_bytes_reach_neither_client_whole_nor_the_store(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, digests: dict[str, str]
) -> None:
    upstream.publish(StaticFile(LARGE.filename, LARGE.content, digests=digests))
    path = address(machine, LARGE.filename)
    upstream.behaviour = Behaviour(pause_after=500_000, on="file")
    with pytest.raises(BrokenOff, match="other bytes"):
        when_begun(machine, upstream.resume.set).get(path)
    file = kept(LARGE.filename)
    assert file.blob is None
    assert "other bytes" in file.mirrored.conflict
    assert not Blob.objects.filter(sha256=hashlib.sha256(LARGE.content).hexdigest()).exists()
    assert Alarm.objects.filter(code="mirror-conflict", ended_at=None).count() == 1
    refused = fetched(machine, LARGE)  # the upstream is not asked again at once
    assert (refused.status, refused.code) == (503, "upstream-mismatch")
    assert refused.headers["Retry-After"]
    assert upstream.count(LARGE.filename) == 1


def test_a_small_wrong_file_is_a_refusal(machine: WsgiClient, upstream: StaticIndex, mirror: Index) -> None:
    built = build_wheel("acme-tool", "3.0")
    upstream.publish(StaticFile(built.filename, built.content, digests={"sha256": "0" * 64}))
    path = address(machine, built.filename)
    answer = machine.get(path)
    assert (answer.status, answer.code) == (503, "upstream-mismatch")
    assert kept(built.filename).blob is None


def test_a_conflict_that_cannot_be_noted_is_told_and_costs_no_place(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unwritable(*_: Any, **__: Any) -> None:
        raise DatabaseError("the server has gone away")

    monkeypatch.setattr(keeping.audit, "record", unwritable)
    upstream.publish(StaticFile(LARGE.filename, LARGE.content, digests={"sha256": "0" * 64}))
    path = address(machine, LARGE.filename)
    upstream.behaviour = Behaviour(pause_after=500_000, on="file")
    with pytest.raises(BrokenOff, match="other bytes"):
        when_begun(machine, upstream.resume.set).get(path)
    settled()
    refused = fetched(machine, LARGE)
    assert (refused.status, refused.code) == (503, "upstream-mismatch")


def test_a_size_that_was_a_lie_is_a_conflict(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built
) -> None:
    path = address(machine, large.filename)
    File.objects.filter(filename=large.filename).update(size=len(large.content) - 1)
    answer = machine.get(path)
    assert (answer.status, answer.code) == (503, "upstream-mismatch")
    file = kept(large.filename)
    assert file.blob is None
    assert "were announced" in file.mirrored.conflict


@pytest.mark.parametrize(
    "fault", ["endless", "endless-chunks", "huge-length", "long-length", "short-length", "gzip-bomb"]
)
def test_bodies_that_lie_or_do_not_end_are_not_kept(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built, fault: Any
) -> None:
    path = address(machine, large.filename)
    upstream.behaviour = Behaviour(fault=fault, on="file")
    try:
        answer = machine.get(path)
    except (BrokenOff, AssertionError):  # the transfer ended early
        pass
    else:
        assert answer.status == 503
    file = kept(large.filename)
    assert file.blob is None
    assert Blob.objects.filter(size__gt=100_000).count() == 0


def test_a_file_above_the_limit_is_not_fetched(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built
) -> None:
    path = address(machine, large.filename)
    Index.objects.filter(pk=mirror.pk).update(max_file_size=len(large.content) - 1)
    answer = machine.get(path)
    assert (answer.status, answer.code) == (503, "file-too-large")
    assert kept(large.filename).blob is None
