"""``manage.py issue_token``: make an API token from the host, for instance when nobody can sign in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.domain.actors import internal
from accounts.domain.verbs import Verb, parse_verbs
from accounts.models import User
from accounts.services import tokens
from tpi_site.kit.errors import Refusal


class Command(BaseCommand):
    """Prints the token, and nothing else, on standard output."""

    help = "Issue an API token for a user and print it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", default="made on the host")
        parser.add_argument("--verb", action="append", choices=[verb.value for verb in Verb], dest="verbs")
        parser.add_argument("--index", action="append", default=[], dest="indexes")
        parser.add_argument("--project", action="append", default=[], dest="projects")
        parser.add_argument("--network", action="append", default=[], dest="networks")
        parser.add_argument("--days", type=int, default=7)

    def handle(self, *args: Any, **options: Any) -> None:
        owner = User.named(options["username"]).first()
        if owner is None:
            raise CommandError(f"There is no account '{options['username']}'.")
        try:
            _, text = tokens.issue(
                actor=internal("manage.py"),
                owner=owner,
                name=options["name"],
                verbs=parse_verbs(options["verbs"] or ["read"]),
                indexes=options["indexes"],
                projects=options["projects"],
                networks=options["networks"],
                expires_at=timezone.now() + timedelta(days=options["days"]),
            )
        except Refusal as refusal:
            raise CommandError(refusal.detail) from None
        self.stdout.write(text)
