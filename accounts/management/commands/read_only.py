"""``manage.py read_only on|off|status``: the switch of read-only mode."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.domain.actors import internal
from accounts.services import read_only as switch
from tpi_site.kit import read_only
from tpi_site.kit.errors import Refusal


class Command(BaseCommand):
    """Returns when all nodes that share the database know, so that the next command can rely on it."""

    help = "Switch read-only mode on or off, or tell whether it is on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("state", choices=["on", "off", "status"])
        parser.add_argument("--reason", default="", help="shown on every page and in every refusal")

    def handle(self, *args: Any, **options: Any) -> None:
        actor = internal("manage.py")
        try:
            if options["state"] == "on":
                switch.turn_on(actor=actor, reason=options["reason"])
            elif options["state"] == "off":
                switch.turn_off(actor=actor)
        except Refusal as refusal:
            raise CommandError(refusal.detail) from None
        if options["state"] != "status":
            read_only.wait_until_known()
        self.stdout.write("Read-only mode is off." if read_only.why() is None else read_only.banner())
