"""``manage.py support_bundle OUT.zip``: how the installation is, without anything secret, for who helps from outside."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.domain.actors import internal
from tpi_site.services.support import bundles


class Command(BaseCommand):
    """Writes no file that is there already."""

    help = "Collect versions, settings, the doctor's findings, jobs, alarms, log and metrics in a ZIP file, redacted."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("out", type=Path, help="the file to make")
        parser.add_argument("--with-names", action="store_true", help="leave names of projects and people as they are")
        parser.add_argument(
            "--log", type=Path, action="append", default=[], help="a log file whose end goes in; may be given again"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        out: Path = options["out"]
        try:
            descriptor = os.open(out, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise CommandError(f"{out} cannot be made: {os.strerror(error.errno or 0)}.") from None
        try:
            with os.fdopen(descriptor, "w+b") as target:
                counts = bundles.make(
                    actor=internal("manage.py"), target=target, with_names=options["with_names"], logs=options["log"]
                )
        except OSError as error:
            out.unlink()
            raise CommandError(f"The bundle cannot be made: {error}.") from None
        except BaseException:
            out.unlink()
            raise
        self.stdout.write(
            f"{out} is made; {sum(counts.values())} texts were struck out. Look through it before you send it."
        )
