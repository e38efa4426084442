"""``manage.py fsck``: hold what the database says against what the storage has."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.domain.actors import internal
from indexapp.services.integrity import repair
from indexapp.services.integrity.checking import Summary, Wish, check
from indexapp.services.integrity.faults import Fault
from indexapp.storage import StorageUnavailable
from tpi_site.kit.errors import Refusal


class Command(BaseCommand):
    """Leaves with 0 when all is well (or was repaired), with 1 when there is damage, with 2 when it could not look."""

    help = "Examine rows, objects, keys and counters; damaged contents are held back until they are repaired."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--deep", action="store_true", help="read every byte and compare its SHA-256")
        parser.add_argument("--repair", action="store_true", help="correct counters and keys that the rest proves")
        parser.add_argument(
            "--repair-from",
            metavar="FOLDER_OR_ADDRESS",
            help="as --repair, and take damaged contents from the store there, if they have the right SHA-256",
        )
        parser.add_argument("--json", action="store_true", help="one JSON object a line, the summary last")

    def handle(self, *args: Any, **options: Any) -> None:
        summary, as_json = Summary(), options["json"]
        try:
            for fault, is_repaired in check(actor=internal("fsck"), wish=self._wish(options), summary=summary):
                self.stdout.write(_line(fault, is_repaired=is_repaired, as_json=as_json))
        except Refusal as refusal:
            raise CommandError(refusal.detail, returncode=2) from None
        except StorageUnavailable as error:
            raise CommandError(
                f"The storage does not answer, and nothing is known about the rest: {str(error).rstrip('.')}.",
                returncode=2,
            ) from None
        self.stdout.write(_last_line(summary, as_json=as_json))
        if not summary.is_clean:
            sys.exit(1)

    def _wish(self, options: dict[str, Any]) -> Wish:
        place = options["repair_from"]
        source = repair.source_at(place) if place else None
        return Wish(options["deep"], options["repair"] or source is not None, source, self._progress)

    def _progress(self, done: int, total: int) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r{done} of {total} contents", ending="" if done < total else "\n")


def _line(fault: Fault, *, is_repaired: bool, as_json: bool) -> str:
    if as_json:
        return json.dumps({**fault.as_json(), "repaired": is_repaired})
    return f"{fault.code.value} {fault.subject}: {fault.sentence}; repaired." if is_repaired else str(fault)


def _last_line(summary: Summary, *, as_json: bool) -> str:
    if as_json:
        figures = {
            name: getattr(summary, name) for name in ("blobs", "faults", "repaired", "orphans", "orphaned_bytes")
        }
        return json.dumps({**figures, "clean": summary.is_clean})
    return (
        f"{summary.blobs} contents examined, {summary.faults} faults, {summary.repaired} repaired; {summary.orphans} objects "
        f"({summary.orphaned_bytes} bytes) belong to nothing and go with the next garbage collection after their grace."
    )
