"""``manage.py test_directory``: which step of a sign-in through a directory fails, in a sentence."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Directory
from accounts.services.directories import checks

_MARKS = {True: "good", False: "BAD", None: "-"}


class Command(BaseCommand):
    """Prints the five steps; ends with status 1 when one fails."""

    help = "Test a directory step by step: connect, tls, bind, search, groups."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the directory's name here")
        parser.add_argument("--user", default="", help="a person to look for")

    def handle(self, *args: Any, **options: Any) -> None:
        directory = Directory.objects.filter(name=options["name"]).first()
        if directory is None:
            known = ", ".join(Directory.objects.values_list("name", flat=True)) or "none is configured"
            if options["name"] in settings.TPI_DIRECTORIES:
                raise CommandError(
                    f"'{options['name']}' stands in TPI_LDAP and is taken up by `manage.py prepare`; run it first."
                )
            raise CommandError(f"There is no directory '{options['name']}' ({known}).")
        found = checks.check(directory, options["user"])
        for step in found.steps:
            self.stdout.write(f"{step.name:8} {_MARKS[step.is_good]:5} {step.sentence}")
        if found.groups:
            self.stdout.write(f"Groups of {found.person}:")
        for group in found.groups:
            self.stdout.write(f"  {group.dn} ({', '.join(group.gives) or 'not mapped'})")
        if found.warning:
            self.stdout.write(f"WARNING  {found.warning}")
        if any(step.is_good is False for step in found.steps):
            raise CommandError("The directory cannot be used like this.")
