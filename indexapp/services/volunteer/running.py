"""One run of a volunteer's mirror: what changed is looked at, fetched, proved, and shown.

Whatever ends a run (a kill, a full disk, an upstream that is away) leaves a whole tree, and the next one goes on there.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from indexapp.clients.failures import Failure
from indexapp.clients.upstream import (
    Missing,
    NotModified,
    Page,
    PageAnswer,
    UpstreamAddress,
    UpstreamFailed,
    fetch_page,
)
from indexapp.domain.export_manifest import Head
from indexapp.domain.volunteer.configuration import Configuration
from indexapp.services.static_export import forms
from indexapp.services.static_export.tree import Tree
from indexapp.services.volunteer import planning, telling
from indexapp.services.volunteer.fetching import PARTS, Brought, Fetcher, part_name
from indexapp.services.volunteer.ledger import MirrorLedger
from indexapp.services.volunteer.listing import MOST_ASKED, SERIAL, Lister
from indexapp.services.volunteer.pace import Pace
from indexapp.services.volunteer.rows import Known, KnownFile
from indexapp.services.volunteer.settling import Settler
from indexapp.services.volunteer.telling import State
from tpi_site.kit.errors import NoSpace
from tpi_site.kit.sizes import rounded

T = TypeVar("T")
R = TypeVar("R")
_PAGES: Final = 200
_FILES: Final = 500
_TELL_EVERY: Final = 5.0
_LIST_EVERY: Final = 300.0
_EXAMPLES: Final = 20
_NO_LIMIT: Final = 2**62
SUCCESS: Final = "success"
_SWEPT: Final = "swept"
Say = Callable[[str], None]


@dataclass
class Run:
    """``number`` is another one for each run."""

    configuration: Configuration
    address: UpstreamAddress
    tree: Tree
    ledger: MirrorLedger
    stop: threading.Event
    say: Say
    number: int
    accepts_deletions: bool = False
    state: State = field(init=False)
    pace: Pace = field(init=False)
    settler: Settler = field(init=False)
    _told: float = 0.0
    """Until when nothing is told."""
    _listed: float = 0.0
    _asked: int = 0
    _answered: int = 0
    _flight: int = 0
    """Bytes of files that are asked for and have not come."""
    _landed: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        source = self.configuration.source
        self.pace = Pace(
            self.stop, retries=source.retries, pause=source.pause_seconds, bytes_per_second=source.bytes_per_second
        )
        self.settler = Settler(self.tree, self.ledger, self.configuration.grace_seconds)
        self.state = State(source.url, str(self.tree.root), started_at=_now())
        self._listed = time.monotonic()

    def run(self) -> State:
        """All of it; raises UpstreamFailed, UpstreamAway, Stopped, NoSpace, OSError and sqlite3.Error."""
        lister = Lister(self.configuration, self.address, self.ledger, self.pace, self.accepts_deletions)
        self.tell()
        try:
            lister.list()
            self.state.serial = self.settler.serial = self._serial()
            self._leave()
            with ThreadPoolExecutor(self.configuration.source.connections) as pool:
                try:
                    self._follow(pool)
                except BaseException:
                    self.pace.end()
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
            self._require_answers()
            lister.confirm_missing()
        finally:
            self.state.warnings = lister.warnings
            self.ledger.save()
        self._make_room()
        self._finish()
        return self.state

    def _follow(self, pool: ThreadPoolExecutor) -> None:
        """Pages that changed, and the files that they name; with a budget all pages first, as it is the newest that stay."""
        waits = self.configuration.budget is not None
        while known := self.ledger.due(self.number, _PAGES):
            for one, answer in self._all(pool, self._ask, known):
                self._take(one, answer)
            self.ledger.save()
            if not waits:
                self._fetch(pool)
        self._make_room()
        self._fetch(pool)

    def _all(self, pool: ThreadPoolExecutor, act: Callable[[T], R], things: Iterable[T]) -> Iterator[tuple[T, R]]:
        """What comes of each, as many at once as there are connections; no more are begun than are waited for."""
        waiting: deque[tuple[T, Future[R]]] = deque()
        for thing in things:
            waiting.append((thing, pool.submit(act, thing)))
            if len(waiting) > 2 * self.configuration.source.connections:
                first, future = waiting.popleft()
                yield first, future.result()
                self.tell(seldom=True)
        for first, future in waiting:
            yield first, future.result()
            self.tell(seldom=True)

    # Pages

    def _ask(self, known: Known) -> PageAnswer | str:
        """The page, or why there is none that can be used."""
        tries = iter(range(self.configuration.source.retries + 1))
        try:
            return self.pace.ask(partial(self._ask_once, known, tries))
        except UpstreamFailed as failure:
            return failure.sentence

    def _ask_once(self, known: Known, tries: Iterator[int]) -> PageAnswer:
        """One try; a page that is older than the list says is a proxy's, and is asked for past it."""
        is_first = next(tries, 1) == 0
        etag, modified = (known.etag, known.modified) if is_first else ("", "")
        answer = fetch_page(self.address, known.name, etag=etag, last_modified=modified, passes_caches=not is_first)
        if isinstance(answer, Missing):
            return answer
        serial = answer.last_serial if isinstance(answer, Page) else known.have if known.tells else None
        newest = max(known.listed or 0, (known.have or 0) if known.tells else 0)
        if serial is not None and serial < newest:
            raise UpstreamFailed(
                f"The page of {known.name} is at the serial {serial}, and {newest} is known: it is an old copy.",
                Failure.BAD_ANSWER,
            )
        return answer

    def _require_answers(self) -> None:
        """Without a list, an upstream of which no page came was not there at all: then nothing is written."""
        choice = self.configuration.choice
        if choice.names is None or len(choice.names) > MOST_ASKED or not self._asked or self._answered:
            return
        why = next((why for _, why in self.ledger.failing(1)), "")
        raise UpstreamFailed(
            f"No page could be had of {self.address.url}: nothing is changed. {why}", Failure.UNREACHABLE
        )

    def _take(self, known: Known, answer: PageAnswer | str) -> None:
        ledger = self.ledger
        ledger.set_project(known.name, asked=self.number)
        self._asked += 1
        self._answered += not isinstance(answer, str)
        if isinstance(answer, str):
            ledger.failed(known.name, answer)
        elif isinstance(answer, NotModified):
            ledger.set_project(
                known.name, have=max(known.listed or 0, known.have or 0), failures=0, failure="", missing=0
            )
        elif isinstance(answer, Missing):
            if known.listed is None and known.page:
                ledger.set_project(known.name, missing=1)
            elif known.listed is None:
                ledger.failed(known.name, "The upstream has no such project.")
            else:
                ledger.failed(known.name, "The upstream lists it and has no page of it.")
        else:
            self._take_page(known, answer)

    def _take_page(self, known: Known, page: Page) -> None:
        ledger = self.ledger
        plan = planning.plan(self.configuration, page, ledger.files_of(known.name))
        for filename in plan.replaced:
            self.say(f"{filename} has other bytes at the upstream than it had; the new ones are taken.")
        self.state.unproved_files += plan.unproved
        ledger.unwant(known.name, plan.unwanted)
        ledger.want(plan.wanted)
        ledger.set_project(
            known.name,
            have=max(known.listed or 0, page.last_serial or 0),
            tells=page.last_serial is not None,
            etag=page.etag,
            modified=page.last_modified,
            status=page.status,
            reason=page.status_reason,
            offered=len(page.files) if page.status != "quarantined" else 0,
            missing=0,
            failures=0,
            failure="",
            dirty=1,
        )

    # Files

    def _fetch(self, pool: ThreadPoolExecutor) -> None:
        """Fetch what is lacking, the newest releases first, and show it."""
        parts = self.tree.root / PARTS
        parts.mkdir(mode=0o700, exist_ok=True)
        fetcher = Fetcher(self.address, self.pace, parts, self.configuration.filter.max_file_size)
        while files := self.ledger.lacking(self.number, _FILES):
            for file, brought in self._all(pool, partial(self._bring, fetcher), self._with_room(files)):
                self.ledger.set_file(file.path, tried=self.number)
                self.settler.keep(brought)
            self.ledger.save()
            self.settler.settle()
            if time.monotonic() - self._listed > _LIST_EVERY:
                self.settler.publish_list()
                self._listed = time.monotonic()
        self.settler.settle()

    def _bring(self, fetcher: Fetcher, file: KnownFile) -> Brought:
        """The file, whose room is its own no more, whatever came of it."""
        try:
            return self._brought(fetcher, file)
        finally:
            with self._landed:
                self._flight -= file.size or 0
                self._landed.notify_all()

    def _brought(self, fetcher: Fetcher, file: KnownFile) -> Brought:
        """The file; one that lies in its place already, though nobody noted it, is taken as it is."""
        if file.held and self.tree.size_of(file.path) == file.size:
            return fetcher.bring(file, is_there=True)
        if self.tree.has(file.path, file.sha256, file.size):
            brought = fetcher.bring(file._replace(held=1), is_there=True)
            brought.size = self.tree.size_of(file.path)
            return brought
        return fetcher.bring(file._replace(held=0), is_there=False)

    def _with_room(self, files: Iterable[KnownFile]) -> Iterator[KnownFile]:
        """The same, as long as the disk keeps what is to stay free, also when all has come that is asked for."""
        for file in files:
            free = self._free_for(file.size or 0)
            if free - (file.size or 0) < self.configuration.keep_free:
                least = rounded(self.configuration.keep_free)
                raise NoSpace(
                    f"Only {rounded(free)} are free on the disk of {self.tree.root}, and {least} are to stay so "
                    "(room.keep_free). Make room, or set room.budget.",
                    code="volunteer-disk-full",
                )
            with self._landed:
                self._flight += file.size or 0
            yield file

    def _free_for(self, size: int) -> int:
        """What is free beside what is still to come; where that leaves no room it is waited for, and counted as it is then."""
        with self._landed:
            while True:
                found = os.statvfs(self.tree.root)
                free = found.f_bavail * found.f_frsize - self._flight
                if free - size >= self.configuration.keep_free or not self._flight:
                    return free
                self._landed.wait()

    def _make_room(self) -> None:
        """Give up what the budget has no room for; what nobody's page names goes first."""
        budget = self.configuration.budget
        if budget is None and not self.ledger.has_line():
            return
        most = _NO_LIMIT if budget is None else budget
        wanted = self.ledger.wanted_bytes()
        if wanted + self.ledger.spare_bytes() > most:
            self.settler.settle()
            self.settler.let_go(at_once=True)
        self.ledger.draw_line(most)
        self.settler.settle()
        if self.ledger.going(1):
            self.settler.publish_list()
        self.settler.give_up()

    # The rest

    def _serial(self) -> int:
        return int(self.ledger.noted(SERIAL, "0"))

    def _leave(self) -> None:
        """Projects that are copied no more go from the pages."""
        while names := self.ledger.unchosen(_PAGES):
            for name in names:
                self.ledger.unwant(name)
                self.ledger.set_project(name, dirty=1)
            self.ledger.save()

    def _finish(self) -> None:
        self.settler.settle()
        names = self.configuration.choice.names
        if names is not None and len(names) <= MOST_ASKED:
            self.state.serial = self.settler.serial = self.ledger.newest_serial()
        self.settler.publish_list()
        self.settler.let_go()
        self.count()
        self._sweep()
        if self.configuration.has_manifest:
            head = Head(
                index=self.configuration.source.url, serial=self.state.serial, composition=self.configuration.aim
            )
            forms.put_manifest(self.tree, self.ledger, head)
        self.count()
        self.tree.put(telling.MARK, telling.mark(self.state))
        if self.state.is_whole and not self.state.warnings:
            self.ledger.note(SUCCESS, time.time())
            self.ledger.save()
        self.state.state = "idle"
        self.tell()

    def _sweep(self) -> None:
        """Halves of what nobody wants any more go; once, when all is there, also what a ledger that was lost had known."""
        halves = {part.name: part for part in (self.tree.root / PARTS).glob("*")}
        for path in self.ledger.lacking_paths() if halves else ():
            halves.pop(part_name(path), None)
        for part in halves.values():
            part.unlink()
        if self.state.is_whole and not self.ledger.noted(_SWEPT):
            self.settler.removed += self.tree.remove_all_but(self.ledger.knows)
            self.ledger.note(_SWEPT, self.number)

    def drop_halves(self) -> None:
        """Give the disk back what is not whole, where it is full."""
        for part in (self.tree.root / PARTS).glob("*"):
            part.unlink()

    def count(self) -> None:
        """Put the figures of now into the state."""
        totals, state = self.ledger.totals(), self.state
        state.updated_at = _now()
        state.projects, state.files, state.bytes = totals.projects, totals.files, totals.bytes
        state.lacking_files, state.lacking_bytes = totals.lacking, totals.lacking_bytes
        state.over_budget_files, state.failing = totals.over, totals.failing
        state.waiting_projects = self.ledger.waiting()
        state.requests, state.received_bytes = self.pace.requests, self.pace.bytes
        state.written_pages, state.removed = self.settler.written, self.settler.removed
        state.examples = [f"{name}: {why}" for name, why in self.ledger.failing(_EXAMPLES)]
        success = float(self.ledger.noted(SUCCESS, "0"))
        state.last_success_at = datetime.fromtimestamp(success, UTC).isoformat(timespec="seconds") if success else ""

    def tell(self, *, seldom: bool = False) -> None:
        """Write the status and the metrics."""
        began = time.monotonic()
        if seldom and began < self._told:
            return
        self.count()
        success = float(self.ledger.noted(SUCCESS, "0"))
        telling.write(Path(self.configuration.state), self.state, success=success, updated=time.time())
        now = time.monotonic()
        self._told = now + max(_TELL_EVERY, 20 * (now - began))  # counting a long ledger takes a while


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
