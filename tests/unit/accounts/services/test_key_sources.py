from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts import tasks
from accounts.models import Alarm, AuditEntry
from accounts.services.keys import standing, status
from indexapp.models import Blob
from indexapp.storage import default_storage
from tests.factories.cast import Cast
from tests.factories.publishing import make_index, published
from tests.servers.key_services import TOKEN, Vault
from tests.wsgi_client import WsgiClient
from tpi_site import health
from tpi_site.kit import gauges, key_ring
from tpi_site.kit.keys import places

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture
def vault(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vault]:
    """A source that the installation does not use yet: its ring is a file in clear."""
    service = Vault(tmp_path)
    monkeypatch.setattr(places, "RETRY", 0.0)
    monkeypatch.setattr(places, "CONFIRM", 0.0)
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    settings.TPI_VAULT_TOKEN = TOKEN
    settings.TPI_KEY_SOURCE_CA = str(service.ca_file)
    settings.TPI_KEYRING = f"file:{tmp_path / 'plain.json'}"
    yield service
    service.stop()
    key_ring.forget()


def address(vault: Vault, folder: Path) -> str:
    return f"vault:https://{vault.host}/transit/tpi?ring={folder / 'wrapped.json'}"


@pytest.fixture
def wrapped(vault: Vault, settings: Any, tmp_path: Path, cast: Cast) -> Vault:
    """An installation with a file, whose ring was moved to the source."""
    published(make_index("sealed"))
    call_command("rotate_keys", copy_to=address(vault, tmp_path))
    settings.TPI_KEYRING = address(vault, tmp_path)
    return vault


def contents() -> list[bytes]:
    return [b"".join(default_storage().read(blob.place)) for blob in Blob.objects.order_by("pk")]


def test_a_ring_in_clear_is_moved_to_a_source_and_rotated_there(
    wrapped: Vault, tmp_path: Path, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents()
    assert all(before)
    plain = json.loads((tmp_path / "plain.json").read_text())
    old = key_ring.key_ring().current
    assert old == plain["current"]
    assert plain["keys"][old] not in (tmp_path / "wrapped.json").read_text()
    call_command("rotate_keys")
    call_command("rotate_keys", remove=old)
    key_ring.forget()
    assert contents() == before
    assert AuditEntry.objects.filter(action="keys.copy").count() == 1
    told = capsys.readouterr().out + str(list(AuditEntry.objects.values()))
    assert plain["keys"][old] not in told
    assert TOKEN not in told
    with pytest.raises(CommandError, match="There is a file already"):
        call_command("rotate_keys", copy_to=address(wrapped, tmp_path))


def test_what_is_wrong_with_the_source_is_told_everywhere(
    wrapped: Vault, cast: Cast, machine: WsgiClient, settings: Any
) -> None:
    auditor = cast.actor("auditor")
    before = contents()
    assert tasks.watch_key_source() == ""
    wrapped.fault = Vault.SEALED
    assert contents() == before  # remembered keys serve
    assert health.parts()["keys"] == "ok"
    found = status.status(actor=auditor)
    assert "sealed or in maintenance" in found.source_fault
    assert found.source_answered_at is not None
    assert [key.is_current for key in found.keys] == [True]
    assert 'tpi_key_source_up{kind="vault"} 0.0' in gauges.text().decode()
    tasks.watch_key_source()
    assert Alarm.objects.get(code=standing.ALARM, ended_at=None).sentence.startswith("Vault is sealed")
    settings.TPI_KEY_CACHE_HOURS = 0
    assert "sealed or in maintenance" in health.parts()["keys"]
    assert machine.get("/readyz").status == 503
    assert [key.is_in_ring for key in status.status(actor=auditor).keys] == [False]
    wrapped.fault = None
    assert tasks.watch_key_source() == ""
    assert not Alarm.objects.filter(code=standing.ALARM, ended_at=None).exists()
    assert health.parts()["keys"] == "ok"
    assert 'tpi_key_source_up{kind="vault"} 1.0' in gauges.text().decode()


def test_a_download_says_that_the_keys_are_away(wrapped: Vault, cast: Cast, machine: WsgiClient, settings: Any) -> None:
    file = published(cast.index)
    path = f"/main/files/{file.sha256[:2]}/{file.sha256[2:4]}/{file.sha256[4:]}/{file.filename}"
    assert machine.get(path, **cast.basic("reader")).status == 200
    settings.TPI_KEY_CACHE_HOURS = 0
    wrapped.fault = Vault.SEALED
    answer = machine.get(path, **cast.basic("reader"))
    assert (answer.status, answer.code) == (503, "key-source-away")
    assert Blob.objects.filter(damaged_at__isnull=False).count() == 0
    wrapped.fault = None
    assert machine.get(path, **cast.basic("reader")).status == 200
