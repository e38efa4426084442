"""What the code has and the database has not: migrations that this release needs, and those that only tidy up after it.

A migration that takes something away says ``contracts = True`` and comes last in its release; the code of its release works
without it, so that it may wait until no node is left that knows nothing of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor


@dataclass(frozen=True)
class Pending:
    """In the order in which they are applied."""

    required: list[Migration]
    """Those that only add, and what they stand on, be it one that takes something away."""
    late: list[Migration]
    """Those that take something away and that nothing waits for."""

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.required or self.late)


def contracts(migration: Migration) -> bool:
    """Whether it takes something away that an older release may use."""
    return bool(getattr(migration, "contracts", False))


def pending() -> Pending:
    """What is not applied."""
    executor = MigrationExecutor(connection)
    missing = [migration for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]
    adding = [(migration.app_label, migration.name) for migration in missing if not contracts(migration)]
    required = [migration for migration, _ in executor.migration_plan(adding)] if adding else []
    return Pending(required, [migration for migration in missing if migration not in required])
