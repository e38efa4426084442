"""Keeping a mirror: run after run, by one process at a time, until it is told to stop."""

from __future__ import annotations

import errno
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path
from typing import Final

from indexapp.clients import upstream
from indexapp.clients.upstream import UpstreamAddress, UpstreamFailed
from indexapp.domain import export_manifest
from indexapp.domain.export_manifest import Head, ManifestUnreadable
from indexapp.domain.volunteer.configuration import Configuration
from indexapp.services.static_export import tree
from indexapp.services.static_export.tree import MANIFEST, Tree
from indexapp.services.volunteer.ledger import MirrorLedger
from indexapp.services.volunteer.listing import MOST_ASKED
from indexapp.services.volunteer.pace import Stopped, UpstreamAway
from indexapp.services.volunteer.running import Run, Say
from indexapp.services.volunteer.telling import State
from tpi_site.kit.errors import Conflict, Invalid, Refusal
from tpi_site.kit.sizes import rounded

LEDGER: Final = "ledger.sqlite3"
_RUN: Final = "run"
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_LEAST_WAIT: Final = 30.0


class Outcome(IntEnum):
    """How it ended; the command leaves with this."""

    WHOLE = 0
    LACKING = 1
    """Something could not be had, and is tried again with the next run."""
    FAILED = 2
    """The run could not go on."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the operator says beside the file."""

    is_once: bool = False
    accepts_deletions: bool = False
    accepts_older: bool = False


def keep(configuration: Configuration, wishes: Wishes, stop: threading.Event, say: Say) -> Outcome:
    """Run once, or again and again until ``stop``; raises Refusal where there can be no mirror as it is written."""
    address = address_of(configuration)
    with _opened(configuration) as (root, ledger):
        if wishes.accepts_older:
            ledger.look_anew()
            ledger.forget_serials()
        while True:
            if wishes.is_once:
                ledger.try_again()
            outcome, wait = _run(configuration, address, root, ledger, wishes, stop, say)
            if wishes.is_once or stop.is_set():
                return outcome
            wishes = replace(wishes, accepts_deletions=False)  # somebody has looked at this one
            say(f"The next run begins in {wait:.0f} seconds.")
            if stop.wait(wait):
                return outcome


def check(configuration: Configuration) -> tuple[list[str], bool]:
    """What would be done, in sentences, and whether the upstream can be used; nothing is written."""
    address = address_of(configuration)
    choice, trial = configuration.choice, upstream.test(address)
    by_name = choice.names is not None and len(choice.names) <= MOST_ASKED
    projects = f"{len(choice.names)} projects by name" if choice.names is not None else "the projects of its list"
    if choice.newest is not None:
        projects = f"the {choice.newest} projects that changed last"
    budget = "without a budget" if configuration.budget is None else f"at most {rounded(configuration.budget)} of files"
    told = [
        f"The upstream is {address.url}. {trial.sentence}",
        f"Copied are {projects} into {configuration.folder}, {budget}; the ledger is in {configuration.state}.",
    ]
    return told, trial.is_usable and (by_name or trial.form is not None)


def address_of(configuration: Configuration) -> UpstreamAddress:
    """The upstream as it is asked; raises Invalid where a file or the address cannot be used."""
    source = configuration.source
    try:
        password = Path(source.password_file).read_text(encoding="utf-8").strip() if source.password_file else ""
        authorities = Path(source.ca_file).read_text(encoding="ascii") if source.ca_file else ""
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"upstream.password_file or upstream.ca_file cannot be read: {error}.") from None
    address = UpstreamAddress(
        source.url,
        username=source.username,
        password=password,
        ca_certificates=authorities,
        proxy_url=source.proxy,
        contact=configuration.contact,
    )
    if flaw := upstream.flaw(address):
        raise Invalid(f"upstream: {flaw}", code="volunteer-configuration")
    return address


@contextmanager
def _opened(configuration: Configuration) -> Iterator[tuple[Tree, MirrorLedger]]:
    """The tree and the ledger, which nobody else writes meanwhile."""
    with tree.opened(configuration.folder) as root:
        _require_ours(root, configuration)
        try:
            configuration.state.mkdir(mode=0o755, parents=True, exist_ok=True)
            ledger = MirrorLedger(configuration.state / LEDGER, pause=15.0 * configuration.source.pause_seconds)
        except OSError as error:
            raise Invalid(f"state: there can be no ledger in {configuration.state}: {error.strerror}.") from None
        except sqlite3.Error as error:
            raise _damaged(configuration, error) from None
        with closing(ledger):
            if (known := ledger.noted("of", str(configuration.folder))) != str(configuration.folder):
                raise Conflict(f"state: {configuration.state} is that of the mirror in {known}; name another folder.")
            ledger.note("of", configuration.folder)
            ledger.save()
            yield root, ledger


def _require_ours(root: Tree, configuration: Configuration) -> None:
    """Refuse a folder with something else in it; a new one gets its mark before anything else."""
    url, place = configuration.source.url, root.root / MANIFEST
    if tree.is_foreign(root.root):
        raise Conflict(
            f"folder: there is something in {root.root} that no mirror has written; name an empty folder.",
            code="export-place",
        )
    if not place.exists():
        root.put_lines(MANIFEST, lambda: export_manifest.lines(Head(index=url), (), ()))
        return
    try:
        with place.open("rb") as file:
            found = export_manifest.read(file)[0].index
    except ManifestUnreadable as error:
        raise Invalid(f"folder: the {MANIFEST} in {root.root} cannot be read: {error}.", code="export-place") from None
    if found != url:
        raise Conflict(f"folder: {root.root} has a tree of '{found}'; name another folder.", code="export-place")


def _run(  # noqa: PLR0917  all of one caller
    configuration: Configuration,
    address: UpstreamAddress,
    root: Tree,
    ledger: MirrorLedger,
    wishes: Wishes,
    stop: threading.Event,
    say: Say,
) -> tuple[Outcome, float]:
    """One run and its failure in words; how it ended, and after how many seconds the next one may begin."""
    number = int(ledger.noted(_RUN, "0")) + 1
    ledger.note(_RUN, number)
    ledger.save()
    run = Run(configuration, address, root, ledger, stop, say, number, accepts_deletions=wishes.accepts_deletions)
    wait, began = float(configuration.interval_seconds), time.monotonic()
    try:
        state = run.run()
    except Stopped:
        _end(run, "stopped", "", say)
        return Outcome.WHOLE, 0.0
    except UpstreamAway as failure:
        _end(run, "failing", str(failure), say)
        return Outcome.FAILED, max(wait, failure.seconds)
    except (Refusal, UpstreamFailed) as failure:
        _end(run, "failing", str(failure), say)
        return Outcome.FAILED, wait
    except OSError as error:
        if error.errno in _FULL:
            _end_full(run, say)
        else:
            _end(run, "failing", f"The disk cannot be used: {error}.", say)
        return Outcome.FAILED, wait
    except sqlite3.Error as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            _end_full(run, say)
        else:
            _end(run, "failing", str(_damaged(configuration, error)), say)
        return Outcome.FAILED, wait
    _tell(state, time.monotonic() - began, say)
    return (Outcome.WHOLE if state.is_whole and not state.warnings else Outcome.LACKING), max(_LEAST_WAIT, wait)


def _end_full(run: Run, say: Say) -> None:
    """Make so much room that what happened can be written down."""
    with suppress(sqlite3.Error):
        run.ledger.drop()
    run.drop_halves()
    sentence = (
        f"A disk of {run.tree.root} or {run.configuration.state} is full. What is there stays and is served; make room,"
    )
    _end(run, "failing", f"{sentence} or set room.budget and room.keep_free.", say)


def _end(run: Run, word: str, sentence: str, say: Say) -> None:
    """Write down how a run ended early; a full disk may not even take that."""
    run.state.state, run.state.failure = word, sentence
    say(sentence or "Stopped; the next run goes on here.")
    try:
        run.ledger.save()
        run.tell()
    except (OSError, sqlite3.Error) as error:
        say(f"The status cannot be written: {error}.")


def _tell(state: State, seconds: float, say: Say) -> None:
    say(
        f"Serial {state.serial}: {state.projects} projects, {state.files} files ({rounded(state.bytes)}). "
        f"{state.requests} requests, {rounded(state.received_bytes)} received, {state.written_pages} pages written, "
        f"{state.removed} removed, {state.over_budget_files} files without room, in {seconds:.1f} s."
    )
    for sentence in [*state.warnings, *state.examples]:
        say(sentence)
    if state.unproved_files:
        say(f"{state.unproved_files} files have no SHA-256 at the upstream and are not copied.")


def _damaged(configuration: Configuration, error: sqlite3.Error) -> Invalid:
    return Invalid(
        f"The ledger {configuration.state / LEDGER} cannot be used: {error}. If its disk has room, remove it: the next run "
        "reads the tree and goes on with what is right there.",
        code="volunteer-ledger",
    )
