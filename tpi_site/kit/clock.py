"""The one clock of an installation: the database's.  Those of its nodes may be apart, and no lease must end early for that."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import connection

_NOW = {"postgresql": "SELECT statement_timestamp()", "sqlite": "SELECT strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now')"}


def now() -> datetime:
    """The moment, to the millisecond where the database is a file; one small statement."""
    with connection.cursor() as cursor:
        cursor.execute(_NOW[connection.vendor], [])
        found = cursor.fetchone()[0]
    moment = found if isinstance(found, datetime) else datetime.fromisoformat(found).replace(tzinfo=UTC)
    return moment.astimezone(UTC)
