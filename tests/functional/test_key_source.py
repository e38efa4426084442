"""The service that wraps the ring's keys is away when the installation starts, comes back, and goes away again."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.artefacts import build, fresh_name
from tests.functional.client_tools import Home
from tests.functional.conftest import make_cast
from tests.functional.publishers import Uv
from tests.servers.key_services import TOKEN, Vault
from tests.servers.ports import wait_until
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("key rotation")]


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    service = Vault(tmp_path)
    yield service
    service.stop()


@pytest.fixture
def server(vault: Vault, tmp_path: Path) -> Iterator[TpiServer]:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    settings = {
        "TPI_KEYRING": f"vault:https://{vault.host}/transit/tpi?ring={tmp_path / 'ring.json'}",
        "TPI_VAULT_TOKEN_FILE": str(token),
        "TPI_KEY_SOURCE_CA": str(vault.ca_file),
        "TPI_OUTBOUND_NETWORKS": "127.0.0.0/8",
        "TPI_LOG_LEVEL": "DEBUG",
        "TPI_WORKERS": "1",
    }
    vault.fault = Vault.SEALED
    with TpiServer(settings=settings) as started:
        yield started


def readiness(server: TpiServer) -> tuple[int, str]:
    """The status of ``/readyz``, and what it says of the keys."""
    try:
        with urllib.request.urlopen(f"{server.url}/readyz") as answer:
            return answer.status, json.load(answer)["parts"]["keys"]
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)["parts"]["keys"]


def test_nothing_sealed_is_taken_until_the_source_answers_and_then_it_may_go(
    server: TpiServer, vault: Vault, home: Home, tmp_path: Path
) -> None:
    status, sentence = readiness(server)
    assert status == 503
    assert "sealed or in maintenance" in sentence
    cast = make_cast(server)
    artefact = build(tmp_path, fresh_name(), kinds="wheel")
    refused = Uv().publish(home, artefact, f"{server.url}/legacy/", cast.owner)
    assert refused.code != 0
    assert "503" in refused.words
    vault.fault = None
    wait_until(lambda: readiness(server) == (200, "ok"), 30, lambda: str(readiness(server)))
    Uv().publish(home, artefact, f"{server.url}/legacy/", cast.owner).require_success()
    content = artefact.files[0].read_bytes()
    with Session(server.url, cast.headers) as session:
        url = str(session.page(artefact.name)["files"][0]["url"])
        vault.stop()
        try:
            assert session.download(url).body == content
            assert readiness(server) == (200, "ok")
        finally:
            vault.start()
    assert TOKEN not in server.log
