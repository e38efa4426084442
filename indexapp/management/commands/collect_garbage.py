"""``manage.py collect_garbage``: remove stored contents that nothing refers to."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from indexapp.services import garbage
from indexapp.storage import StorageUnavailable
from tpi_site.kit.errors import Unavailable


class Command(BaseCommand):
    """The job cluster does the same every day."""

    help = "Mark stored contents that no file needs, and remove those that have been marked longer than the grace."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--grace-hours",
            type=float,
            default=settings.TPI_ORPHAN_GRACE_HOURS,
            help="how long nothing may have needed what is removed; TPI_ORPHAN_GRACE_HOURS without it",
        )
        parser.add_argument("--dry-run", action="store_true", help="list what there is, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        older_than = timezone.now() - timedelta(hours=options["grace_hours"])
        try:
            if options["dry_run"]:
                self._list(older_than)
                return
            collected = garbage.collect(older_than=older_than)
        except StorageUnavailable as error:
            raise CommandError(f"The storage does not answer: {error}") from None
        except Unavailable as error:  # the names of objects need the key ring
            raise CommandError(error.detail) from None
        self.stdout.write(f"Removed {collected} contents.")

    def _list(self, older_than: datetime) -> None:
        count, size, due, due_size = 0, 0, 0, 0
        for found in garbage.candidates(older_than=older_than):
            word = "due" if found.is_due else "waits"
            self.stdout.write(
                f"{word} {found.object_name} {found.size} bytes, needed by nothing since {found.since:%Y-%m-%d %H:%M}"
            )
            count, size = count + 1, size + found.size
            due, due_size = due + found.is_due, due_size + found.size * found.is_due
        self.stdout.write(
            f"{count} contents ({size} bytes) are needed by nothing; {due} ({due_size} bytes) would be removed now."
        )
