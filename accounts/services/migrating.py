"""When migrations may be applied: one that takes something away waits for every node whose code does not know it.

Nodes are compared by the migrations that their code has, not by what their release is called, because an installation may be
upgraded from one state of the source to another.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection
from django.db.migrations import Migration

from accounts.models import Node
from accounts.services import nodes
from tpi_site.kit.errors import Unavailable
from tpi_site.kit.pending_migrations import contracts, pending


def targets_at_start() -> list[list[str]]:
    """What ``migrate`` is to be called with when a node starts; what only takes away waits where older nodes serve.

    Refuses where this release needs something that stands behind one that has to wait: then a release was left out.
    """
    found = pending()
    if not found:
        return []
    if not _who_lacks(found.late):
        require_no_older((migration, False) for migration in found.required)
        return [[]]
    require_no_older((migration, False) for migration in found.required)
    last = {migration.app_label: migration.name for migration in found.required}
    return [[app, name] for app, name in last.items()]


def require_no_older(plan: Iterable[tuple[Migration, bool]]) -> None:
    """Refuse migrations that take something away while nodes serve that may still use it; this one counts as well.

    ``plan`` is Django's: migrations that are about to be applied, or taken back where the second is true.
    """
    for migration, is_taken_back in plan:
        users = _who_knows(migration) if is_taken_back else _who_lacks([migration] if contracts(migration) else [])
        if users:
            named = ", ".join(f"{node.name} ({node.release})" for node in users)
            raise Unavailable(
                f"The migration {migration} takes away what these nodes may still use: {named}. Upgrade or stop them first; "
                f"one that was killed counts for {nodes.SILENT.seconds} seconds more.",
                code="older-nodes",
                retry_after=nodes.SILENT.seconds,
            )


def _who_lacks(migrations: list[Migration]) -> list[Node]:
    """The living nodes whose code is from before one of these."""
    return [node for node in _living(migrations) if not all(nodes.knows(node, each) for each in migrations)]


def _who_knows(migration: Migration) -> list[Node]:
    return [node for node in _living([migration]) if nodes.knows(node, migration)]


def _living(migrations: list[Migration]) -> list[Node]:
    if not migrations or Node._meta.db_table not in connection.introspection.table_names():
        return []
    return nodes.living()
