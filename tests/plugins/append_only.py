"""Emptying the tables between tests, in spite of the triggers that make some of them append-only.

The product has no way around its triggers.  A test database is emptied by the owner of the database, who has one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db.backends.base.base import BaseDatabaseWrapper


@contextmanager
def triggers_asleep(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """No trigger of the database acts in the block; what someone with all rights over the database can do."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET session_replication_role = replica")
            yield
            cursor.execute("SET session_replication_role = DEFAULT")
            return
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = cursor.fetchall()
        for name, _ in triggers:
            cursor.execute(f"DROP TRIGGER {name}")
        yield
        for _, statement in triggers:
            cursor.execute(statement)


@pytest.fixture(scope="session", autouse=True)
def _emptying_passes_triggers() -> Iterator[None]:
    """``flush``, by which Django empties the tables after a test with real commits."""
    from django.db import connection

    operations = type(connection.ops)
    flush = operations.execute_sql_flush

    def passing(self: Any, statements: list[str]) -> None:
        with triggers_asleep(self.connection):
            flush(self, statements)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operations, "execute_sql_flush", passing)
        yield
