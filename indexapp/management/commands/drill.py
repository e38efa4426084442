"""``manage.py drill``: prove that a backup can be restored."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.domain.actors import internal
from indexapp.services.backups import drilling
from indexapp.services.backups.drilling import Wish
from tpi_site.kit.command_arguments import count
from tpi_site.kit.errors import Refusal


class Command(BaseCommand):
    """Leaves with 0 when all went well, else with 1."""

    help = "Restore a backup into scratch, examine it, install files at random from there, and keep the evidence."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "source",
            nargs="?",
            metavar="from",
            default=settings.TPI_BACKUP_URL,
            help="the folder or the address of the backups; TPI_BACKUP_URL without it",
        )
        parser.add_argument("--backup", default="", metavar="NAME", help="which one; the newest without it")
        parser.add_argument("--installs", type=count, default=5, metavar="N", help="how many files are installed")
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["source"]:
            raise CommandError("Say where the backups are: a folder, an s3:// address, or TPI_BACKUP_URL.")
        wish = Wish(options["source"], options["backup"], options["installs"])
        try:
            row = drilling.drill(actor=internal("drill"), wish=wish)
        except Refusal as refusal:
            raise CommandError(refusal.detail) from None
        if options["json"]:
            self.stdout.write(json.dumps({**row.report, "good": row.is_good, "sha256": row.report_sha256}))
        else:
            self.stdout.write(f"{row.sentence} It took {row.seconds:.0f} s; report {row.report_sha256}.")
        if not row.is_good:
            sys.exit(1)
