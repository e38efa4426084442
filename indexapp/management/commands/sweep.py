"""``manage.py sweep``: remove stored bytes that nothing refers to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from indexapp.services import blobs


class Command(BaseCommand):
    """The job cluster does the same every day."""

    help = "Remove stored bytes without a row that were put longer ago than the grace time."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--grace-hours", type=float, default=settings.TPI_ORPHAN_GRACE_HOURS)

    def handle(self, *args: Any, **options: Any) -> None:
        swept = blobs.sweep(older_than=timezone.now() - timedelta(hours=options["grace_hours"]))
        self.stdout.write(f"Removed {swept} orphaned blobs.")
