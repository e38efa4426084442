"""``manage.py replication drill``."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from indexapp.services.replication import drill
from indexapp.services.replication.drill import State


def add_to(deeds: Any) -> None:
    """The subcommand."""
    parser = deeds.add_parser("drill", help="on a replica: whether a promotion would succeed now; changes nothing")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each check")
    parser.set_defaults(run=_drill)


def _drill(command: BaseCommand, options: dict[str, Any]) -> None:
    states = set()
    for check in drill.look():
        states.add(check.state)
        line = f"{check.state:<8} {check.name:<10} {check.sentence}"
        command.stdout.write(json.dumps(asdict(check), ensure_ascii=False) if options["json"] else line)
    if State.FAILING in states:
        sys.exit(1)
