"""``manage.py drill_sample``: what a drill asks the scratch installation that it has made."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from indexapp.services.backups import samples
from tpi_site.kit.errors import Refusal


class Command(BaseCommand):
    """Prints files at random and a token that reads them; refused where no drill has made the data folder."""

    help = "(for 'manage.py drill' alone)"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("number", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.stdout.write(json.dumps(samples.chosen(options["number"])))
        except Refusal as refusal:
            raise CommandError(refusal.detail) from None
