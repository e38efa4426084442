"""The three numbers that make memories void, and how they are read."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from accounts.services import generations
from indexapp.models import Change
from indexapp.services.serving import watermarks
from indexapp.services.serving.watermarks import FileWatch, Watermark
from tests.factories.cast import Cast
from tests.factories.publishing import published
from tests.threads import together

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


def test_they_are_zero_in_a_new_installation() -> None:
    assert watermarks.read() == Watermark(0, 0)


def test_publishing_raises_the_serial_and_access_the_generation(cast: Cast) -> None:
    before = watermarks.read()
    published(cast.index)
    after = watermarks.read()
    assert (after.access, after.serial) == (before.access, Change.objects.latest("serial").serial)
    generations.bump_access()
    assert watermarks.read() == Watermark(after.access + 1, after.serial)
    generations.bump_policy()
    assert watermarks.read() == Watermark(after.access + 1, after.serial, 1)


def test_what_others_commit_is_seen_and_what_they_do_not_commit_is_not(cast: Cast) -> None:
    before = watermarks.read()

    def commit() -> None:
        generations.bump_access()

    def abandon() -> None:
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            generations.bump_access()
            raise ZeroDivisionError

    together([abandon])
    assert watermarks.read() == before
    together([commit])
    assert watermarks.read().access == before.access + 1


def test_ones_own_transaction_sees_what_it_wrote(cast: Cast) -> None:
    before = watermarks.read()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        generations.bump_access()
        assert watermarks.read().access == before.access + 1
        raise ZeroDivisionError
    assert watermarks.read() == before


def test_reading_costs_one_query_and_none_where_the_database_is_a_file(
    cast: Cast, django_assert_num_queries: Any
) -> None:
    watermarks.read()
    with django_assert_num_queries(0 if connection.vendor == "sqlite" else 1):
        watermarks.read()


def test_generations_count_every_change_once_however_many_come_together(cast: Cast) -> None:
    before = watermarks.read().access
    together([generations.bump_access] * 8)
    assert watermarks.read().access == before + 8


def test_a_watch_that_cannot_read_fails_like_the_database(tmp_path: Path) -> None:
    watch = FileWatch(_installed(tmp_path))
    assert watch.read() == Watermark(0, 0)
    watch.close()
    with pytest.raises(OperationalError):
        watch.read()


def _installed(folder: Path) -> Path:
    path = folder / "tpi.sqlite3"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE accounts_generation (name, value)")
        database.execute("CREATE TABLE indexapp_change (serial)")
    return path
