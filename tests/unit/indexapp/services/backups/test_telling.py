"""What is told of backups and drills, to whom; and that a place's odd things hang nobody."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import Alarm, AuditEntry, ReadOnlyPeriod
from accounts.services import read_only as switch
from indexapp.models import Backup, Drill
from indexapp.services.backups import drilling, places, samples, taking
from indexapp.services.backups.places import Place
from indexapp.services.backups.scratch import MARK
from indexapp.services.backups.taking import Wish
from indexapp.storage import StorageUnavailable
from indexapp.storage.telling import told
from tests.factories.backups import make_drill
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.publishing import published
from tests.wsgi_client import WsgiClient
from tpi_site.kit import read_only

pytestmark = [pytest.mark.django_db(transaction=True)]
NAMED = {"filename": "secret_merger-1.0-py3-none-any.whl", "project": "secret-merger", "index": "main", "sha256": "0"}


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (
            "s3://b/p?endpoint_url=http://svc:CANARY@[::1]:9&attempts=1",
            "s3://b/p?endpoint_url=http://[::1]:9&attempts=1",
        ),
        ("s3://b/p?endpoint_url=http%3A%2F%2Fsvc%3ACANARY%40h", "s3://b/p?endpoint_url=http%3A%2F%2Fh"),
        ('connect to "http://a:CAN@ARY@h/b@c": no', 'connect to "http://h/b@c": no'),
        ("file:///backups/a@b", "file:///backups/a@b"),
    ],
)
def test_user_information_is_struck_out_of_addresses(address: str, shown: str) -> None:
    assert told(address) == shown
    assert str(StorageUnavailable(address)) == shown


def test_a_password_in_the_address_of_a_bucket_is_told_to_nobody(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    address = "s3://bucket/p?endpoint_url=http://svc:CANARY@127.0.0.1:9&connect_timeout=1&attempts=1"
    with pytest.raises(CommandError) as caught:
        call_command("backup", address)
    assert "CANARY" not in str(caught.value)
    assert places.at(address, is_made=True).source == address
    drilling.drill(actor=SYSTEM, wish=drilling.Wish(address))
    assert (Backup.objects.count(), Drill.objects.count()) == (1, 1)
    rows = [[*model.objects.values()] for model in (Backup, Drill, Alarm, AuditEntry)]
    assert "CANARY" not in repr(rows)


def test_operators_see_figures_where_a_drill_names_projects(cast: Cast, machine: WsgiClient, client: Client) -> None:
    wrong = {"wrong": ["There is no backup."], "named": [f"{NAMED['filename']}: other bytes came"]}
    row = make_drill(report={"backup": "b", "restore": {"faults": ["secret-merger"]}, "installed": [NAMED], **wrong})
    for role, sees in (("operator", False), ("administrator", True), ("auditor", True)):
        answer = machine.signed(cast.bearer(role)).get(f"/api/v1/drills/{row.pk}/")
        assert (answer.status, b"merger" in answer.body) == (200, sees)
        client.force_login(getattr(cast, role))
        page = client.get(f"/admin/indexapp/drill/{row.pk}/change/")
        if page.status_code == 302:
            page = client.get(page.headers["Location"])
        assert (page.status_code, "merger" in page.content.decode()) == (200, sees)
    report = machine.signed(cast.bearer("operator")).get(f"/api/v1/drills/{row.pk}/").json["report"]
    assert report == {
        "backup": "b",
        "restore": {"faults": 1},
        "installed": 1,
        "named": 1,
        "wrong": ["There is no backup."],
    }


def test_the_sentence_of_a_drill_names_no_file() -> None:
    seen = drilling._Seen("b", named=[f"{NAMED['filename']}: other bytes came"])
    assert not seen.is_good
    assert "merger" not in seen.sentence


@pytest.fixture
def _read_only(cast: Cast) -> Any:
    switch.turn_on(actor=cast.actor("operator"), reason="The database moves.")
    read_only.remember(switch.ask(), float("inf"))
    yield
    ReadOnlyPeriod.objects.all().delete()
    read_only.remember(None, 0)


@pytest.mark.usefixtures("_read_only")
def test_backups_are_made_in_read_only_mode(cast: Cast, tmp_path: Path) -> None:
    outcome = taking.take(actor=cast.actor("operator"), wish=Wish(str(tmp_path / "backups"), keep=1))
    assert outcome.row.state == Backup.State.DONE
    assert not Alarm.objects.filter(code=taking.FAILED).exists()


@pytest.mark.usefixtures("_read_only")
def test_a_drill_with_a_backup_of_read_only_mode_gets_its_token(cast: Cast, tmp_path: Path, settings: Any) -> None:
    settings.TPI_DATA_DIR = tmp_path
    (tmp_path / MARK).touch()
    assert samples.chosen(1)["token"]


def place_with_backup(cast: Cast, to: Path) -> Place:
    published(cast.index)
    taking.take(actor=SYSTEM, wish=Wish(str(to)))
    return places.at(str(to))


@pytest.mark.parametrize("how", ["pipe", "link"])
def test_what_is_no_file_at_a_place_hangs_nobody_and_is_told(cast: Cast, tmp_path: Path, how: str) -> None:
    place = place_with_backup(cast, tmp_path / "backups")
    [manifest] = [path for path in (tmp_path / "backups/manifests").rglob("*") if path.is_file()]
    blob = next(path for path in (tmp_path / "backups/blobs").rglob("*") if path.is_file())
    content = blob.read_bytes()
    for path in (manifest, blob):
        moved = path.rename(tmp_path / path.name)
        os.mkfifo(path) if how == "pipe" else path.symlink_to(moved)
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("backups", str(tmp_path / "backups"), stdout=out)
    assert "it is no file" in out.getvalue()
    assert place.all()[0] == []
    again = taking.take(actor=SYSTEM, wish=Wish(str(tmp_path / "backups")))
    assert (again.row.copied, len(again.doubts)) == (1, 1)
    assert not blob.is_symlink()
    assert blob.read_bytes() == content
