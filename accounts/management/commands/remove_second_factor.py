"""``manage.py remove_second_factor``: let somebody sign in by password again who lost phone and recovery codes."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.domain.actors import internal
from accounts.models import User
from accounts.services import authenticators
from tpi_site.kit.errors import Refusal


class Command(BaseCommand):
    """For the last administrator; others ask an administrator, who does it in the console."""

    help = "Remove the second factor and the recovery codes of an account, and end its sessions."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.named(options["username"]).first()
        if user is None:
            raise CommandError(f"There is no account '{options['username']}'.")
        try:
            authenticators.remove(actor=internal("manage.py"), user=user)
        except Refusal as refusal:
            raise CommandError(refusal.detail) from None
        self.stdout.write(f"The second factor of '{user.username}' is removed; its password alone signs in again.")
