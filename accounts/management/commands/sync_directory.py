"""``manage.py sync_directory``: make accounts and places equal with a directory, or tell what that would change."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.domain.actors import internal
from accounts.models import Directory, DirectorySync
from accounts.services.directories import sync
from tpi_site.kit.errors import Refusal


class Command(BaseCommand):
    """Prints the differences and a summary; ends with status 1 when the sync failed or paused."""

    help = "Sync a directory now; with --dry-run only tell what would change."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the directory's name here")
        parser.add_argument("--dry-run", action="store_true")
        parser.add_argument("--accept-removals", action="store_true", help="go on although much would be removed")

    def handle(self, *args: Any, **options: Any) -> None:
        directory = Directory.objects.filter(name=options["name"]).first()
        if directory is None:
            raise CommandError(f"There is no directory '{options['name']}'.")
        actor = internal("manage.py")
        try:
            if options["dry_run"]:
                done = sync.plan(actor=actor, directory=directory)
            else:
                done = sync.run(actor=actor, directory=directory, accept_removals=options["accept_removals"])
        except Refusal as refusal:
            raise CommandError(refusal.detail) from None
        for line in done.differences:
            self.stdout.write(f"{line['person']}: {', '.join(line['did'])}")
        if done.state != DirectorySync.State.DONE:
            raise CommandError(done.sentence)
        self.stdout.write(("Would be: " if options["dry_run"] else "") + done.sentence)
