"""Copying the whole database into an empty one of another kind, as a growing installation goes from SQLite to PostgreSQL.

The installation is in read-only mode meanwhile, and all is read in one transaction.  Values go from column to column, so that
moments and keys stay what they are; the new database gets all or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from django.apps import apps
from django.core.management.color import no_style
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model
from django.db.utils import ConnectionHandler

from accounts.domain.actors import Actor
from accounts.models import AuditPending, Node
from accounts.permissions import require_administrator
from accounts.services import audit
from tpi_site.kit import read_only
from tpi_site.kit.errors import Conflict

_BATCH = 1000
_ONE = "SELECT 1 FROM {} LIMIT 1"
_INSERT = "INSERT INTO {} ({}) VALUES ({})"
_EMPTY = "DELETE FROM {}"
_FIRST = ("accounts_user", "accounts_auditentry", "indexapp_index")
"""Tables in which every installation has rows."""
_COUNT = "SELECT count(*) FROM {}"
Report = Callable[[str, int], None]


def require_ready(*, actor: Actor, settings: dict[str, Any]) -> None:
    """Refuse what could not be copied, before anything is made in the database of ``settings``."""
    require_administrator(actor, "copy the database")
    _require_read_only()
    with _connected(settings) as target:
        tables = set(target.introspection.table_names())
        ours = {model._meta.db_table for model in _models()} | {"django_migrations"}
        if foreign := [table for table in tables - ours if not table.startswith(("accounts_", "indexapp_"))]:
            raise Conflict(
                f"The other database is not empty ({min(foreign)}); name a new one.", code="database-not-empty"
            )
        _require_empty(target, tables)


def _require_read_only() -> None:
    if read_only.why() is None:
        raise Conflict(
            "Changes that come meanwhile would be lost; run 'manage.py read_only on' first.", code="read-only-not"
        )


def copy_to(*, actor: Actor, settings: dict[str, Any], report: Report) -> int:
    """Copy every row into the database of ``settings``, which is migrated and empty; returns how many.

    ``report`` is told of each table and how many rows it has.
    """
    require_administrator(actor, "copy the database")
    _require_read_only()
    with _connected(settings) as target, transaction.atomic():
        audit.record(actor=actor, action="database.copy", object_type="database", object_name=target.vendor)
        _require_empty(target)
        total = 0
        for model in _models():
            copied = _copy(model, target)
            report(model._meta.db_table, copied)
            total += copied
        _continue_numbering(target)
        target.commit()
    return total


@contextmanager
def _connected(settings: dict[str, Any]) -> Iterator[BaseDatabaseWrapper]:
    """The other database in a transaction, which ends with the block and is undone unless it was committed."""
    target = ConnectionHandler({"default": settings})["default"]
    target.set_autocommit(False)
    try:
        yield target
    finally:
        target.close()


def _models() -> list[type[Model]]:
    """Those with tables, but for the nodes, which say for themselves that they serve there.

    What waits for the audit chain comes last, because a trigger fills it with the entries.
    """
    found = [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy and model is not Node
    ]
    return sorted(found, key=lambda model: model is AuditPending)


def _require_empty(target: BaseDatabaseWrapper, tables: Collection[str] = _FIRST) -> None:
    """Refuse a database that holds an installation; what the migrations themselves have written is copied too."""
    with target.cursor() as cursor:
        for table in (table for table in _FIRST if table in tables):
            cursor.execute(_ONE.format(table))
            if cursor.fetchone():
                raise Conflict(f"The other database is not empty ({table}); name a new one.", code="database-not-empty")


def _copy(model: type[Model], target: BaseDatabaseWrapper) -> int:
    """The rows of one table, in place of those that are there; returns how many."""
    fields = model._meta.local_concrete_fields
    quoted = target.ops.quote_name
    table = quoted(model._meta.db_table)
    columns = ", ".join(quoted(str(field.column)) for field in fields)
    insert = _INSERT.format(table, columns, ", ".join(["%s"] * len(fields)))
    rows = model._default_manager.order_by("pk").values_list(*(field.attname for field in fields)).iterator(_BATCH)
    copied = 0
    with target.cursor() as cursor:
        cursor.execute(_ONE.format(table))
        if cursor.fetchone():
            cursor.execute(_EMPTY.format(table))
        while batch := list(islice(rows, _BATCH)):
            values = [
                [field.get_db_prep_save(value, target) for field, value in zip(fields, row, strict=True)]
                for row in batch
            ]
            cursor.executemany(insert, values)
            copied += len(batch)
        cursor.execute(_COUNT.format(table))
        if cursor.fetchone()[0] != copied:
            raise Conflict(f"The table {table} did not take all rows; nothing was copied.", code="database-not-copied")
    return copied


def _continue_numbering(target: BaseDatabaseWrapper) -> None:
    """Let new rows get numbers after those that were copied."""
    with target.cursor() as cursor:
        for statement in target.ops.sequence_reset_sql(no_style(), _models()):
            cursor.execute(statement)
