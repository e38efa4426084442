"""What the doctor says of a bucket, against a real S3 server."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from indexapp.storage import default_storage, forget_default
from tests.factories.people import SYSTEM
from tests.servers.ceph import Ceph
from tests.servers.ports import wait_until
from tpi_site.services.doctor.examining import examine
from tpi_site.services.doctor.findings import State, Verdict
from tpi_site.services.doctor.probes import PROBES

pytestmark = pytest.mark.xdist_group("ceph")
QUICK = {"connect_timeout": "2", "read_timeout": "2", "attempts": "1"}
Look = Callable[[], Verdict]


@pytest.fixture
def look(settings: Any, tmp_path: Path) -> Iterator[Look]:
    settings.TPI_DATA_DIR = tmp_path
    settings.TPI_KEYRING = f"file:{tmp_path / 'keyring.json'}"
    [probe] = [probe for probe in PROBES if probe.name == "storage"]
    yield lambda: examine(actor=SYSTEM, probes=[probe]).findings[0].verdict
    forget_default()


@pytest.mark.parametrize("encrypts", [True, False])
def test_a_bucket_keeps_the_contract_and_nothing_stays_in_it(
    ceph: Ceph, look: Look, settings: Any, *, encrypts: bool
) -> None:
    settings.TPI_STORAGE_URL, settings.TPI_ENCRYPT = ceph.address(ceph.bucket()), encrypts
    assert look().state is State.GOOD
    assert list(default_storage().names()) == []


def test_a_bucket_that_is_not_there_or_not_ours_is_told(
    ceph: Ceph, look: Look, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TPI_STORAGE_URL = ceph.address(f"none-{uuid.uuid4().hex[:8]}", **QUICK)
    assert "NoSuchBucket" in look().sentence
    settings.TPI_STORAGE_URL = ceph.address(ceph.bucket(), **QUICK)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    assert look().state is State.FAILING
    assert "wrong" not in look().sentence


def test_a_server_that_does_not_answer_is_told_within_the_probes_time(ceph: Ceph, look: Look, settings: Any) -> None:
    settings.TPI_STORAGE_URL = ceph.address(ceph.bucket(), **QUICK)
    assert look().state is State.GOOD
    ceph.pause()
    try:
        verdict = look()
    finally:
        ceph.resume()
    assert verdict.state is State.FAILING
    wait_until(lambda: look().state is State.GOOD, 60, lambda: look().sentence)
