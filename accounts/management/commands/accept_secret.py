"""``manage.py accept_secret NAME``: this node's secret is the installation's from now on."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.domain.actors import internal
from accounts.services import shared_secrets
from tpi_site.kit.errors import Refusal


class Command(BaseCommand):
    """Nodes that still have the old one do not start any more; those that run go on until they are restarted."""

    help = "Take this node's secret for the installation's, after it was changed on purpose."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="as the refusal names it, for example TPI_SECRET_KEY")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            shared_secrets.accept(actor=internal("manage.py"), name=options["name"])
        except Refusal as refusal:
            raise CommandError(refusal.detail) from None
        self.stdout.write(f"{options['name']} of this node is that of the installation.")
