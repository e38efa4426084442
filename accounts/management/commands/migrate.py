"""``manage.py migrate``, which takes nothing away from nodes of an older release and binds old secrets."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.exceptions import AmbiguityError
from django.db.migrations.executor import MigrationExecutor

from accounts.services import bound_secrets, migrating
from tpi_site.kit.errors import Refusal


class Command(migrate.Command):
    """As Django's, after a look at who serves."""

    def handle(self, *args: Any, **options: Any) -> None:
        executor = MigrationExecutor(connections[options.get("database") or DEFAULT_DB_ALIAS])
        try:
            plan = executor.migration_plan(_targets(executor, options))
            migrating.require_no_older(plan)
            bound_secrets.bind_before(plan)
        except Refusal as refusal:
            raise CommandError(refusal.detail) from None
        super().handle(*args, **options)


def _targets(executor: MigrationExecutor, options: dict[str, Any]) -> list[tuple[str, str | None]]:
    """What the command line asks for; nothing where Django is going to say that there is no such thing."""
    app, name, graph = options.get("app_label"), options.get("migration_name"), executor.loader.graph
    if not app or not name:
        return [key for key in graph.leaf_nodes() if app in (None, "", key[0])]
    if name == "zero":
        return [(app, None)] if app in executor.loader.migrated_apps else []
    try:
        return [(app, executor.loader.get_migration_by_prefix(app, name).name)]
    except (AmbiguityError, KeyError):
        return []
