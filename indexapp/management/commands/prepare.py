"""``manage.py prepare``: bring the database up to date and make what the first start needs."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.checks import ERROR
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from accounts.services import audit_keys, migrating, nodes, shared_secrets
from accounts.services.directories import environment
from indexapp.management.welcome import welcome
from indexapp.services import first_start
from indexapp.services.backups import restoring
from indexapp.services.replication import heirs
from tpi_site.kit import locking, read_only, schedules, static_files


class Command(BaseCommand):
    """Idempotent; quick when there is nothing to do; of several nodes that start at once, one after the other."""

    help = "Migrate, create the administrator, the default index and a first token, and print how to begin."

    requires_system_checks = ()  # its own, below, when there is a data folder

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--serving", action="store_true", help="this node serves from now on, as the web server says"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with suppress(OSError):  # which the checks tell of
            settings.TPI_DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.check(fail_level=ERROR)
        restoring.require_finished()
        with locking.alone("prepare"), read_only.passing():
            started = self._prepare()
            if options["serving"]:  # under the lock: whoever takes something away next must know of this node
                nodes.begin()
        self.stdout.write(welcome(started))

    def _prepare(self) -> first_start.FirstStart:
        for target in migrating.targets_at_start():
            call_command("migrate", *target, interactive=False, verbosity=0)
        audit_keys.prepare()
        shared_secrets.agree()
        if not nodes.has_newer():
            schedules.write()
        static_files.collect()
        heirs.ask_at_start()
        read_only.look()
        started = first_start.run()
        if heirs.may_write():  # a replica has its primary's
            environment.write(settings.TPI_DIRECTORIES)
        return started
