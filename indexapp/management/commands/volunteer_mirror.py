"""``manage.py volunteer_mirror``: keep a public mirror of an index, or of a part of it, in a folder."""

from __future__ import annotations

import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pypi_simple
from django.core.management.base import BaseCommand, CommandError, CommandParser

from indexapp.domain.volunteer import configuration
from indexapp.domain.volunteer.configuration import Configuration
from indexapp.services.volunteer import keeping
from indexapp.services.volunteer.keeping import Outcome, Wishes
from tpi_site.kit.errors import Refusal


class Command(BaseCommand):
    """Needs no installation: no database, no key.

    Leaves with 0 when all is there, or it was told to stop; with 1 when something could not be had and is tried again; with 2
    when it could not go on.
    """

    help = (
        "Keep a public mirror of an index or a part of it: one file says what; killed it goes on, run again it follows."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("configuration", type=Path, help="a file as deploy/volunteer-mirror.toml")
        parser.add_argument("--once", action="store_true", help="one run, and not one after the other")
        parser.add_argument("--check", action="store_true", help="look at the file and at the upstream; write nothing")
        parser.add_argument(
            "--accept-deletions", action="store_true", help="take out what is gone, however much that is"
        )
        parser.add_argument(
            "--accept-older", action="store_true", help="the upstream was put back: its lower serials are right"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            code = self._keep(options)
        except Refusal as refusal:
            raise CommandError(f"{options['configuration']}: {refusal.detail}", returncode=2) from None
        if code:
            sys.exit(code)

    def _keep(self, options: dict[str, Any]) -> int:
        found = self._read(options["configuration"])
        if options["check"]:
            told, is_usable = keeping.check(found)
            self.stdout.write("\n".join(told))
            return Outcome.WHOLE if is_usable else Outcome.FAILED
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        wishes = Wishes(
            is_once=options["once"],
            accepts_deletions=options["accept_deletions"],
            accepts_older=options["accept_older"],
        )
        return keeping.keep(found, wishes, stop, self._say)

    def _read(self, path: Path) -> Configuration:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"The file {path} cannot be read: {error}.", returncode=2) from None
        return configuration.read(text, place=path.absolute().parent, pypi=pypi_simple.PYPI_SIMPLE_ENDPOINT)

    def _say(self, sentence: str) -> None:
        self.stdout.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {' '.join(sentence.split())}")
        self.stdout.flush()
