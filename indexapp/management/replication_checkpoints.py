"""``manage.py replication checkpoints``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Count, Max

from indexapp.models import PrimaryCheckpoint
from indexapp.services.replication import primary_log


def add_to(deeds: Any) -> None:
    """The subcommand."""
    parser = deeds.add_parser("checkpoints", help="what primaries signed of their audit logs, as it is kept here")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write them there, for 'verify_audit --checkpoint'")
    parser.set_defaults(run=_checkpoints)


def _checkpoints(command: BaseCommand, options: dict[str, Any]) -> None:
    kept = PrimaryCheckpoint.objects.order_by().values("site")
    for row in kept.annotate(number=Count("pk"), last=Max("came_at"), most=Max("size")).order_by("site"):
        command.stdout.write(
            f"{row['site']}: {row['number']} checkpoints, of up to {row['most']} entries; the last came "
            f"{row['last']:%F %T} UTC."
        )
    if not kept.exists():
        command.stdout.write("No checkpoint of a primary is kept here.")
    if options["out"] is not None:
        try:
            number = primary_log.export(options["out"])
        except OSError as error:
            raise CommandError(f"{error.filename} cannot be written: {error.strerror}.") from None
        command.stdout.write(f"{number} checkpoints, and the keys of their signatures, are in {options['out']}.")
