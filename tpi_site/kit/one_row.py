"""One row by one statement, on paths where Django's cursor costs more than the database."""

from __future__ import annotations

from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections


def one_row(sql: str, parameters: list[Any]) -> tuple[Any, ...] | None:
    """The first row of a statement written with ``%s``, or None; it fails as Django's own cursor does.

    SQLite answers a lookup by key in a quarter of the time that the cursor's wrappers take, so its driver is asked directly;
    not where statements are logged or counted, which is done by those wrappers.
    """
    connection = connections[DEFAULT_DB_ALIAS]  # once: the proxy of this name looks it up for every attribute
    if connection.vendor != "sqlite" or connection.queries_logged or connection.execute_wrappers:
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            row: tuple[Any, ...] | None = cursor.fetchone()
            return row
    connection.ensure_connection()
    with connection.wrap_database_errors:
        statement = connection.connection.execute(sql.replace("%s", "?"), parameters)
        row = statement.fetchone()
        statement.close()  # a statement that is not at its end keeps the log of the database from being cut
        return row
