"""``manage.py doctor``: look at every part of the installation and say what to do."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts.domain.actors import internal
from tpi_site.services.doctor.examining import Examination, examine
from tpi_site.services.doctor.findings import Finding, State

_MARKS = {State.GOOD: "ok  ", State.WARNING: "WARN", State.FAILING: "FAIL", State.UNUSED: " -  "}


class Command(BaseCommand):
    """Leaves with 0 when nothing fails, with 1 when something does; warnings change nothing."""

    help = "Examine disk, clock, TLS, database, storage, keys, directories, queue, cache and audit log."
    requires_system_checks = ()  # they are one of the probes, and must not hide the others

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        found = examine(actor=internal("doctor"))
        self.stdout.write(json.dumps(found.as_json(), indent=1) if options["json"] else as_text(found))
        if not found.is_healthy:
            self.stdout.flush()
            sys.exit(1)


def as_text(found: Examination) -> str:
    """The findings as people read them, a line each, with what to do below."""
    return "\n".join(line for finding in found.findings for line in _lines(finding))


def _lines(finding: Finding) -> list[str]:
    verdict = finding.verdict
    lines = [f"{_MARKS[verdict.state]} {finding.title}: {verdict.sentence}"]
    return [*lines, f"     -> {verdict.advice}"] if verdict.advice else lines
