"""``manage.py prefetch``: bring the files of a list of requirements into an index's mirrors."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from math import inf
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.domain.actors import internal
from indexapp.domain.locks.targets import PLATFORMS
from indexapp.models import Index, PrefetchItem, PrefetchJob
from indexapp.services.prefetch import asking, running
from tpi_site.kit.errors import Refusal

_LOOK_AGAIN = 12.0  # seconds; what failed is remembered for ten


class Command(BaseCommand):
    """Works on it itself; when it is stopped, the job cluster goes on."""

    help = "Fetch the files that a requirements.txt, uv.lock, pylock.toml or poetry.lock asks for."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("index", help="a mirror, or a group that has one")
        parser.add_argument("file", type=Path, help="the list")
        parser.add_argument("--python", action="append", help="such as 3.12; may be given again")
        parser.add_argument("--platform", action="append", choices=list(PLATFORMS), help="may be given again")
        parser.add_argument("--with-sdists", action="store_true", help="source distributions too, where wheels fit")
        parser.add_argument("--pin", action="store_true", help="keep the files when the mirror has no room any more")
        parser.add_argument("--dry-run", action="store_true", help="say what would be fetched, and fetch nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        actor = internal("manage.py")
        try:
            index, request = _index(options["index"]), _request(options)
            if options["dry_run"]:
                self._look_ahead(index, request)
                return
            job = asking.begin(actor=actor, index=index, request=request)
        except Refusal as refusal:
            raise CommandError(refusal.detail) from None
        self._write_notes(job.notes)
        self._work(job)
        self._report(job)

    def _look_ahead(self, index: Index, request: asking.Request) -> None:
        notes, found = asking.look_ahead(internal("manage.py"), index, request)
        self._write_notes(notes)
        counts: Counter[str] = Counter()
        for one in found:
            counts[one.word] += 1
            size = f" {one.file.size or 'unknown'} bytes" if one.file else ""
            self.stdout.write(f"{one.word} {one.name}{size}{f': {one.reason}' if one.reason else ''}")
        told = ", ".join(f"{number} {word}" for word, number in counts.items())
        self.stdout.write(f"Nothing was fetched: {told or 'the list asks for nothing'}.")

    def _write_notes(self, notes: Iterable[str]) -> None:
        for note in notes:
            self.stdout.write(f"Note: {note}")

    def _work(self, job: PrefetchJob) -> None:
        """Until it has ended, or watch who else works on it; what an upstream did not give is tried again."""
        while not job.is_over:
            running.run(job.pk, seconds=inf, watch=self._tell)
            job.refresh_from_db()
            if not job.is_over:
                time.sleep(_LOOK_AGAIN)

    def _tell(self, counts: dict[str, int]) -> None:
        settled = counts["done"] + counts["failed"]
        line = f"{settled} of {counts['total']}, {counts['fetched_bytes']} bytes fetched, {counts['failed']} failed"
        self.stdout.write(line, ending="\r" if self.stdout.isatty() else "\n")

    def _report(self, job: PrefetchJob) -> None:
        for item in job.items.filter(state=PrefetchItem.State.FAILED):
            self.stderr.write(f"{item}: {item.reason}")
        self.stdout.write(f"{job.get_state_display()}: {job.done} of {job.total}, {job.fetched_bytes} bytes fetched.")
        if job.state != PrefetchJob.State.DONE:
            raise CommandError(job.message or "It did not come to its end.")


def _index(name: str) -> Index:
    found = Index.objects.filter(name=name).first()
    if found is None:
        raise CommandError(f"There is no index named '{name}'.")
    return found


def _request(options: dict[str, Any]) -> asking.Request:
    path: Path = options["file"]
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CommandError(f"The list cannot be read: {error}") from None
    return asking.Request(
        filename=path.name,
        text=asking.as_text(content),
        pythons=options["python"] or asking.DEFAULT_PYTHONS,
        platforms=options["platform"] or asking.DEFAULT_PLATFORMS,
        with_sdists=options["with_sdists"],
        pins=options["pin"],
    )
