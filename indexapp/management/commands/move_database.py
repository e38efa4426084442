"""``manage.py move_database ADDRESS``: copy the database into an empty one on a PostgreSQL server."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from accounts.domain.actors import internal
from indexapp.services import database_move
from tpi_site.kit.errors import Refusal
from tpi_site.settings import env, moved


class Command(BaseCommand):
    """All or nothing: broken off, it leaves the new database empty, and may be begun again."""

    help = "Copy everything into an empty PostgreSQL database, in read-only mode; then tell which setting to change."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("to", help="an address as TPI_DATABASE_URL takes it")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            target = env.read_database(options["to"])
        except ValueError:
            target = {"ENGINE": ""}
        if "postgresql" not in target["ENGINE"]:
            raise CommandError("The address must be a postgres:// address.")
        try:
            database_move.require_ready(actor=internal("manage.py"), settings=target)
            self._migrate(options["to"])
            total = database_move.copy_to(actor=internal("manage.py"), settings=target, report=self._show)
        except Refusal as refusal:
            raise CommandError(refusal.detail) from None
        except DatabaseError as error:
            raise CommandError(f"The other database cannot be used: {str(error).splitlines()[0]}") from None
        note = moved.note(settings.TPI_DATA_DIR, settings.DATABASES["default"], target)
        self.stdout.write(
            f"{total} rows are copied. Stop TPI, set TPI_DATABASE_URL to the new address, start it, and run 'manage.py "
            "read_only off' with that setting."
        )
        self.stdout.write(f"The old database is refused from now on; to go back to it, remove {note}.")

    def _migrate(self, url: str) -> None:
        """Make the tables there, by a process that has no other database."""
        done = subprocess.run(
            [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"],
            cwd=settings.BASE_DIR,
            env=os.environ | {"TPI_DATABASE_URL": url},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [""])[-1]
            raise CommandError(f"The tables cannot be made there: {last}")

    def _show(self, table: str, rows: int) -> None:
        if rows:
            self.stdout.write(f"{table}: {rows}")
