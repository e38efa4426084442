"""One moment of the database, for as long as a batch is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def moment() -> Iterator[None]:
    """All that is read inside is of one moment, and keeps nobody from writing."""
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield
    else:
        with _of_sqlite():
            yield


@contextmanager
def _of_sqlite() -> Iterator[None]:
    """Our transactions begin as the only writer; this one reads, and so is begun by hand."""
    with connection.cursor() as cursor:
        cursor.execute("BEGIN DEFERRED")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")
