"""One row by one statement, on paths where Django's cursor costs more than the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS, connections

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

_ONLY_ON_DEMAND = 2**31
"""Repetitions after which psycopg would prepare a statement that nobody asked it to prepare."""


def one_row(sql: str, parameters: list[Any]) -> tuple[Any, ...] | None:
    """The first row of a statement written with ``%s``, or None; it fails as Django's own cursor does.

    SQLite answers a lookup by key in a quarter of the time that the cursor's wrappers take, and PostgreSQL spends most of
    its own on planning what it has planned before; so their drivers are asked directly, PostgreSQL's with a prepared
    statement.  Not where statements are logged or counted, which is done by those wrappers.
    """
    connection = connections[DEFAULT_DB_ALIAS]  # once: the proxy of this name looks it up for every attribute
    if connection.queries_logged or connection.execute_wrappers:
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            row: tuple[Any, ...] | None = cursor.fetchone()
            return row
    connection.ensure_connection()
    with connection.wrap_database_errors:
        if connection.vendor == "sqlite":
            return _from_sqlite(connection, sql, parameters)
        return _from_postgresql(connection, sql, parameters)


def _from_sqlite(connection: BaseDatabaseWrapper, sql: str, parameters: list[Any]) -> tuple[Any, ...] | None:
    statement = connection.connection.execute(sql.replace("%s", "?"), parameters)
    row: tuple[Any, ...] | None = statement.fetchone()
    statement.close()  # a statement that is not at its end keeps the log of the database from being cut
    return row


def _from_postgresql(connection: BaseDatabaseWrapper, sql: str, parameters: list[Any]) -> tuple[Any, ...] | None:
    from psycopg import Cursor

    raw, cursor = connection.connection, getattr(connection, "tpi_cursor", None)
    if cursor is None or cursor.connection is not raw:
        raw.prepare_threshold = _ONLY_ON_DEMAND
        cursor = connection.tpi_cursor = Cursor(raw)  # type: ignore[attr-defined]  # lives and goes with the connection
    row: tuple[Any, ...] | None = cursor.execute(sql, parameters, prepare=True).fetchone()
    return row
