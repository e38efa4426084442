"""Serials that are passed over where others have seen a past that is not ours: after a restore, and when a site takes over."""

from __future__ import annotations

from typing import Any

from django.db import connection

from accounts.domain.actors import Actor
from indexapp.domain.change_kinds import ChangeKind
from indexapp.models import Change, Index, Project
from indexapp.services import changes
from tpi_site.kit import locking

JUMP = 1_000_000
"""More than an installation gives between two backups, or while its replica is behind."""


_BATCH = 1000


def tell_anew(*, actor: Actor, kind: ChangeKind, last: int, **detail: Any) -> int:
    """Pass over serials after ``last``, and tell of each project and index again; returns the first serial after projects.

    Call it in a transaction.  Who follows by serials may have seen some that this installation never had, and of any project.
    """
    locking.hold("changes")
    following = renumber_projects(last + JUMP)
    rows = Project.objects.order_by("pk").values_list("last_serial", "index_id", "index__name", "normalized_name")
    batch: list[Change] = []
    for serial, index, name, project in rows.iterator(_BATCH):
        batch.append(
            Change(
                serial=serial,
                kind=kind.value,
                index_id=index,
                index_name=name,
                project=project,
                actor_name=actor.display_name,
                detail=detail,
            )
        )
        if len(batch) == _BATCH:
            Change.objects.bulk_create(batch)
            batch = []
    Change.objects.bulk_create(batch)
    pass_over(following - 1)
    for each in Index.objects.order_by("pk"):
        changes.record(actor=actor, kind=kind, index=each, **detail)
    return following


def renumber_projects(serial: int) -> int:
    """Give each project a serial of its own from ``serial`` on, and return the one after them.

    What was published since the backup may have gone from any of them, and their serials would be lower than they were: who
    follows by serials looks at each of them again.
    """
    table = Project._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET last_serial = %s + ranked.place"  # noqa: S608  the table's name is ours
            f" FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY id) - 1 AS place FROM {table}) AS ranked"
            f" WHERE ranked.id = {table}.id",
            [serial],
        )
    return serial + Project.objects.count()


def pass_over(serial: int) -> None:
    """Let the next serial be the one after ``serial``."""
    table = Change._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT setval(pg_get_serial_sequence(%s, 'serial'), %s)", [table, serial])
            return
        cursor.execute("UPDATE sqlite_sequence SET seq = %s WHERE name = %s", [serial, table])
        if not cursor.rowcount:
            cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [table, serial])
