"""A backup between the scheduled ones, asked for in the console and by REST."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ

from accounts.models import AuditEntry
from indexapp import tasks
from indexapp.models import Backup
from indexapp.services.backups import watching
from tests.api.rest import Rest
from tests.factories.backups import make_backup
from tests.factories.browsers import grow_stale
from tests.factories.cast import Cast
from tests.wsgi_client import WsgiClient

pytestmark = pytest.mark.django_db(transaction=True)

LIST, NOW = "/admin/indexapp/backup/", "/admin/indexapp/backup/now/"


@pytest.fixture(autouse=True)
def _place(settings: Any, tmp_path: Path) -> None:
    settings.TPI_BACKUP_URL = str(tmp_path / "backups")


def _asked() -> list[str]:
    return [entry.actor_name for entry in AuditEntry.objects.filter(action="backup.ask").order_by("pk")]


def test_an_operator_asks_and_the_schedules_job_is_queued(
    operator: Client, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    assert f'href="{NOW}"' in operator.get(LIST).content.decode()
    assert operator.get(NOW).status_code == 200
    assert operator.post(NOW).status_code == 200, "it asks first"
    assert _asked() == []
    answer = operator.post(NOW, {"confirmed": "yes"}, follow=True)
    assert "begins it; this list shows how it goes." in answer.content.decode()
    assert _asked() == ["operator"]
    [waiting] = OrmQ.objects.all()
    begun: list[list[str]] = []
    monkeypatch.setattr(watching, "_begin", begun.append)
    assert waiting.task["func"] == f"{tasks.back_up.__module__}.{tasks.back_up.__name__}"
    tasks.back_up(*waiting.task["args"])
    assert begun == [["backup", settings.TPI_BACKUP_URL, "--keep", str(settings.TPI_BACKUP_KEEP)]]


def test_a_session_left_open_asks_for_nothing(operator: Client) -> None:
    grow_stale()
    for answer in (operator.get(NOW), operator.post(NOW, {"confirmed": "yes"})):
        assert answer.headers["Location"].startswith("/account/confirm/?next=")
    assert _asked() == []


def test_who_only_reads_is_offered_nothing(cast: Cast) -> None:
    browser = Client()
    browser.force_login(cast.user("auditor"))
    assert NOW not in browser.get(LIST).content.decode()
    assert browser.post(NOW, {"confirmed": "yes"}).status_code == 404
    assert (_asked(), OrmQ.objects.count()) == ([], 0)


def test_programs_ask_by_the_same_service(machine: WsgiClient, cast: Cast) -> None:
    answer = Rest(machine.signed(cast.bearer("operator"))).post("backups/", {})
    assert answer.status == 202
    assert answer.json["job"].startswith("back up ")
    assert Rest(machine.signed(cast.bearer("auditor"))).post("backups/", {}).code == "operator-needed"
    assert (_asked(), OrmQ.objects.count()) == (["operator"], 1)


def test_it_is_refused_without_a_place_and_while_one_is_under_way(
    machine: WsgiClient, cast: Cast, settings: Any
) -> None:
    operator = Client()
    operator.force_login(cast.user("operator"))
    rest = Rest(machine.signed(cast.bearer("operator")))
    now = timezone.now()
    row = make_backup(state=Backup.State.RUNNING, lease_until=now + timedelta(minutes=5))
    assert rest.post("backups/", {}).code == "backup-under-way"
    told = operator.post(NOW, {"confirmed": "yes"}).content.decode()
    assert "It was not done" in told
    assert row.name in told
    Backup.objects.filter(pk=row.pk).update(lease_until=now)
    assert rest.post("backups/", {}).status == 202, "its process died"
    settings.TPI_BACKUP_URL = ""
    assert rest.post("backups/", {}).code == "backup-no-place"
    assert NOW not in operator.get(LIST).content.decode()
