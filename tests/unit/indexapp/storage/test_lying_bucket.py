"""A bucket, or a key service, whose answers do not end takes little of a node's memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest

from indexapp.storage.addresses import store_for
from indexapp.storage.protocol import StorageUnavailable
from indexapp.storage.s3 import S3Store
from tests.servers.endless import MIB, EndlessServer
from tpi_site.kit.bounded_answers import MOST, MOST_OF_REFUSAL
from tpi_site.kit.keys.kms import Kms
from tpi_site.kit.keys.sources import KeySourceAway

NAME = "ab/" + "0" * 62
IN_FLIGHT = 8 * MIB
"""What the kernel's buffers may hold of what was sent and not read; the server would send 64 MiB."""


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x" * 20)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    boto3.setup_default_session()


def _store(server: EndlessServer, folder: Path, attempts: int = 1) -> S3Store:
    options = f"endpoint_url={server.url}&addressing_style=path&attempts={attempts}&region_name=us-east-1"
    store = store_for(f"s3://bucket/p?{options}", folder / "tmp")
    assert isinstance(store, S3Store)
    return store


@pytest.mark.parametrize("is_chunked", [False, True], ids=["announced", "in chunks"])
@pytest.mark.parametrize("status", [404, 403, 416, 500, 301])
def test_a_refusal_is_read_up_to_a_bound(tmp_path: Path, status: int, is_chunked: bool) -> None:
    with EndlessServer(status, is_chunked=is_chunked) as server:
        store = _store(server, tmp_path)
        with pytest.raises(StorageUnavailable, match=f"more than {MOST_OF_REFUSAL} bytes"):
            store.open(NAME, 0, 100)
    assert len(server.requests) == 1
    assert server.sent <= MOST_OF_REFUSAL + IN_FLIGHT


def test_two_stores_of_one_client_send_a_request_once(tmp_path: Path) -> None:
    with EndlessServer(404) as server:
        store = _store(server, tmp_path)
        for each in (store, S3Store(store.storage, tmp_path / "tmp")):
            with pytest.raises(StorageUnavailable):
                each.open(NAME)
    assert len(server.requests) == 2


def test_each_attempt_is_bounded(tmp_path: Path) -> None:
    with EndlessServer(404) as server:
        store = _store(server, tmp_path, attempts=2)
        with pytest.raises(StorageUnavailable):
            store.delete(NAME)
    assert len(server.requests) == 2
    assert server.sent <= 2 * (MOST_OF_REFUSAL + IN_FLIGHT)


def test_a_list_is_read_up_to_a_bound(tmp_path: Path) -> None:
    with EndlessServer(200) as server:
        store = _store(server, tmp_path)
        with pytest.raises(StorageUnavailable, match=f"more than {MOST} bytes"):
            list(store.names())
    assert server.sent <= MOST + IN_FLIGHT


def test_of_a_file_comes_what_was_asked_for(tmp_path: Path) -> None:
    with EndlessServer(200) as server:
        body = _store(server, tmp_path).open(NAME, 0, 100)
        assert (body.read(10**9), body.read(10**9)) == (b"A" * 100, b"")
        body.close()
    assert server.sent <= IN_FLIGHT


def test_a_refusal_that_breaks_off_is_an_outage(tmp_path: Path) -> None:
    with EndlessServer(404, megabytes=0, is_chunked=True) as server:
        store = _store(server, tmp_path)
        with pytest.raises(StorageUnavailable):
            store.open(NAME)


def test_a_key_service_is_read_up_to_a_bound() -> None:
    with EndlessServer(400) as server:
        kms: Any = Kms("alias/tpi", region="us-east-1", endpoint=server.url)
        with pytest.raises(KeySourceAway):
            kms.wrap(b"x" * 32, "test")
    assert server.sent <= len(server.requests) * (MOST_OF_REFUSAL + IN_FLIGHT)
