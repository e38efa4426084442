"""Inserting rows quickly.

Django compiles an INSERT statement anew for every row, which costs several times what the database needs to carry it out.
Here the statement of a model is made once.  For models of one table whose ``save`` does nothing of its own and which
nobody listens to: signals are not sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import AutoField, Field, Model


def insert(row: Model) -> None:
    """Write the new ``row`` and give it its key; raises what ``save(force_insert=True)`` does."""
    connection = connections[DEFAULT_DB_ALIAS]  # itself, because the proxy costs something for every value
    statement, fields = _statement(type(row), connection.vendor)
    values = [field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        key = cursor.fetchone()[0] if connection.vendor == "postgresql" else cursor.lastrowid
    if isinstance(row._meta.pk, AutoField):
        row.pk = key
    row._state.adding = False  # noqa: SLF001  what save() does
    row._state.db = connection.alias  # noqa: SLF001  as above


def insert_all(rows: Sequence[Model]) -> None:
    """Write new rows of one model; they do not learn their keys."""
    connection = connections[DEFAULT_DB_ALIAS]
    statement, fields = _statement(type(rows[0]), connection.vendor)
    statement = statement.partition(" RETURNING ")[0]
    values = [[field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in fields] for row in rows]
    with connection.cursor() as cursor:
        cursor.executemany(statement, values)


@lru_cache(maxsize=64)
def _statement(model: type[Model], vendor: str) -> tuple[str, tuple[Field[Any, Any], ...]]:
    """The statement and the fields whose values it takes; SQLite tells the key without being asked."""
    fields = tuple(field for field in model._meta.local_concrete_fields if not isinstance(field, AutoField))
    quote = connections[DEFAULT_DB_ALIAS].ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    statement = f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ({places})"  # noqa: S608  names of ours
    returning = f" RETURNING {quote(str(model._meta.pk.column))}" if vendor == "postgresql" else ""
    return statement + returning, fields
