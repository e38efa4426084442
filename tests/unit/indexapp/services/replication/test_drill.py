"""What stands in the way of a promotion is named beforehand, and nothing is changed by looking."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from accounts.models import AuditEntry
from indexapp.models import Blob, Epoch, File, Following, Index, WantedBlob
from indexapp.services.replication import drill
from indexapp.services.replication.drill import State
from indexapp.storage import default_storage
from tests.factories.publishing import published
from tests.factories.replication import make_following
from tpi_site.kit.errors import Conflict

pytestmark = pytest.mark.django_db
NOBODY = "http://127.0.0.1:9/"


@pytest.fixture
def file(main: Index) -> File:
    return published(main)


@pytest.fixture
def heir(file: File) -> Following:
    return make_following(NOBODY, may_take_over=True, own_url=NOBODY, contact_at=timezone.now())


def _found() -> dict[str, State]:
    return {check.name: check.state for check in drill.look()}


def test_what_is_well_and_what_cannot_be_asked(heir: Following) -> None:
    before = AuditEntry.objects.count(), Epoch.objects.count()
    assert _found() == {
        "right": State.OK,
        "following": State.OK,
        "bytes": State.OK,
        "likeness": State.WARNING,
        "keys": State.OK,
        "audit": State.OK,
        "disk": State.OK,
        "address": State.FAILING,
    }
    assert (AuditEntry.objects.count(), Epoch.objects.count()) == before
    assert Following.objects.get().cursor == heir.cursor


def test_who_is_no_replica_has_nothing_to_try(file: File) -> None:
    with pytest.raises(Conflict) as refused:
        list(drill.look())
    assert refused.value.code == "replica-not"


def test_who_may_not_take_over_is_told(file: File) -> None:
    make_following(NOBODY)
    assert _found()["right"] == State.FAILING


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({"is_paused": True}, State.FAILING),
        ({"failure": "It hangs.", "failure_code": "timeout"}, State.WARNING),
    ],
)
def test_a_replica_that_does_not_follow_is_told(heir: Following, values: dict[str, object], state: State) -> None:
    Following.objects.update(**values)
    assert _found()["following"] == state


def test_serials_that_are_not_here_are_counted(heir: Following) -> None:
    Following.objects.update(primary_serial=heir.cursor + 4)
    (found,) = [check for check in drill.look() if check.name == "following"]
    assert (found.state, "4 behind" in found.sentence) == (State.WARNING, True)


def test_missing_bytes_would_refuse_it(heir: Following, file: File) -> None:
    File.objects.update(blob=None)
    WantedBlob.objects.create(sha256=file.sha256, size=5, files=[file.pk], next_at=timezone.now())
    assert _found()["bytes"] == State.FAILING


def test_bytes_that_are_not_what_they_were_are_seen(heir: Following, file: File) -> None:
    Blob.objects.filter(sha256=file.sha256).update(sha256="0" * 64)
    assert _found()["keys"] == State.FAILING


def test_bytes_that_are_gone_are_seen(heir: Following) -> None:
    for name in Blob.objects.values_list("object_name", flat=True):
        default_storage().delete(name)
    assert _found()["keys"] == State.FAILING


def test_an_audit_log_that_is_not_guarded_is_seen(heir: Following) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ALTER TABLE accounts_auditentry DISABLE TRIGGER accounts_auditentry_no_change")
        else:
            cursor.execute("DROP TRIGGER accounts_auditentry_no_update")
    assert _found()["audit"] == State.FAILING


def test_a_full_disk_is_seen(heir: Following, settings: Any) -> None:
    settings.TPI_MIN_FREE_MB = 2**40
    assert _found()["disk"] == State.FAILING


def test_the_command_has_a_line_for_each_and_an_exit_code(heir: Following, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("replication", "drill", "--json")
    assert ended.value.code == 1
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["name"], row["state"]) for row in rows] == list(_found().items())
