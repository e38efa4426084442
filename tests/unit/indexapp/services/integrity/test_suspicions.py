"""What readers saw to be wrong is examined once in a while, and again when it is wrong again."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection
from django_q.models import OrmQ

from indexapp import tasks
from indexapp.domain.file_paths import file_path
from indexapp.models import Blob, File
from indexapp.services.integrity import suspicions
from indexapp.storage import default_storage
from tests.factories.cast import Cast
from tests.factories.publishing import published
from tests.unit.indexapp.services.integrity.spoiling import flip, spoil
from tests.wsgi_client import WsgiClient

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def file(cast: Cast) -> File:
    return published(cast.index)


@pytest.fixture
def reader(cast: Cast, machine: WsgiClient) -> WsgiClient:
    return machine.signed(cast.bearer("reader"))


def read(reader: WsgiClient, file: File) -> tuple[int, int]:
    """Read the file; the status, and how many jobs wait now."""
    status = reader.get(f"/main/files/{file_path(file.sha256, file.filename)}").status
    return status, OrmQ.objects.count()


def test_what_is_damaged_a_second_time_is_examined_a_second_time(
    file: File, reader: WsgiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = default_storage().objects.local_path(file.blob.object_name)
    assert path is not None
    good = path.read_bytes()
    spoil(file, flip(-1))
    assert [read(reader, file) for _ in range(3)] == [(503, 1)] * 3, "one job, however many readers"
    tasks.examine_blob(file.sha256)
    assert Blob.objects.filter(damaged_at__isnull=False).exists()
    path.write_bytes(good)
    call_command("fsck", stdout=StringIO())
    assert read(reader, file) == (200, 1)
    spoil(file, flip(-1))
    assert read(reader, file) == (503, 1)
    monkeypatch.setattr(suspicions, "_AGAIN", 0.0)  # some minutes later
    assert read(reader, file) == (503, 2)


def test_what_could_not_be_asked_for_is_asked_for_by_the_next_reader(file: File, reader: WsgiClient) -> None:
    spoil(file, flip(-1))

    def refuse(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith("INSERT") and OrmQ._meta.db_table in sql:
            raise DatabaseError("the database takes no writes")
        return execute(sql, *rest)

    with connection.execute_wrapper(refuse):
        assert read(reader, file) == (503, 0)
    assert read(reader, file) == (503, 1)
