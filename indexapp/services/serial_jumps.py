"""Serials that are passed over where others have seen a past that is not ours: after a restore, and when a site takes over."""

from __future__ import annotations

from django.db import connection

from indexapp.models import Change, Project

JUMP = 1_000_000
"""More than an installation gives between two backups, or while its replica is behind."""


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
