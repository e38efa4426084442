"""``manage.py import_osv``: take in vulnerability data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.domain.actors import internal
from indexapp.services.vulnerabilities import fetching, importing
from tpi_site.kit.errors import Refusal


class Command(BaseCommand):
    """Leaves with 1 when the archive was not taken in."""

    help = "Take in an archive of OSV records of PyPI (all.zip), from a file or an http(s) address."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "source",
            nargs="?",
            default=settings.TPI_OSV_URL,
            help="the archive: a path, or an address that is fetched; TPI_OSV_URL without it",
        )
        parser.add_argument(
            "--incremental", action="store_true", help="it holds a part of the records: withdraw nothing that it lacks"
        )
        parser.add_argument(
            "--accept-losses",
            action="store_true",
            help="withdraw what it lacks, even where that is a large part of what is known",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        source = options["source"]
        if not source:
            raise CommandError("Say where the archive is: a path, an address, or TPI_OSV_URL.")
        wishes = {"complete": not options["incremental"], "accept_losses": options["accept_losses"]}
        actor = internal("import_osv")
        try:
            if fetching.is_address(source):
                row = fetching.import_from(actor=actor, url=source, **wishes)
            else:
                row = importing.import_archive(actor=actor, path=Path(source), **wishes)
        except Refusal as refusal:
            raise CommandError(refusal.detail) from None
        self.stdout.write(row.sentence)
        for one in row.unusable:
            self.stdout.write(f"{one['name']}: {one['reason']}")
        if row.refused > len(row.unusable):
            self.stdout.write(f"And {row.refused - len(row.unusable)} more that cannot be used.")
