"""``manage.py migrate``, which takes nothing away from nodes of an older release and binds old secrets."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor

from accounts.services import bound_secrets, nodes
from tpi_site.kit.errors import Refusal


class Command(migrate.Command):
    """As Django's, after a look at who serves."""

    def handle(self, *args: Any, **options: Any) -> None:
        executor = MigrationExecutor(connections[options.get("database") or DEFAULT_DB_ALIAS])
        try:
            plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
            nodes.require_no_older(plan)
            bound_secrets.bind_before(plan)
        except Refusal as refusal:
            raise CommandError(refusal.detail) from None
        super().handle(*args, **options)
