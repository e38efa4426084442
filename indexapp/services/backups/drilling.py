"""Proving a backup: it is restored into scratch, examined to the last byte, and files at random are installed from there."""

from __future__ import annotations

import hashlib
import http.client
import json
import time
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, transaction
from django.utils import timezone

from accounts.domain.actors import Actor
from accounts.permissions import require_operator
from accounts.services import alarms, audit
from indexapp.models import Drill
from indexapp.services.backups import authenticity, places, samples, scratch
from indexapp.services.backups.places import Place
from indexapp.storage import StorageUnavailable
from indexapp.storage.telling import told
from tpi_site.kit import locking
from tpi_site.kit.errors import Refusal, Unavailable

LOCK = "drill"
FAILED, LATE = "drill-failed", "drill-late"
NO_REPORT = "none"
"""In place of a report's SHA-256 where the drill died; it is empty as long as the drill goes on."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Where the backups are, which one (the newest without a name), and how many files are installed."""

    source: str
    backup: str = ""
    installs: int = 5


@dataclass(slots=True)
class _Seen:
    """What a drill has seen so far; what failed it is ``wrong``, or ``named`` where it may name projects and files."""

    backup: str = ""
    restore: dict[str, Any] = field(default_factory=dict)
    installed: list[dict[str, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    named: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not self.wrong and not self.named

    @property
    def report(self) -> dict[str, Any]:
        names = ("backup", "restore", "installed", "wrong", "named")
        return {name: getattr(self, name) for name in names}

    @property
    def sentence(self) -> str:
        if not self.is_good:
            named = [f"its report names {len(self.named)} things"] if self.named else []
            wrong = "; ".join(each.rstrip(". ") for each in self.wrong + named)
            return f"The drill with the backup {self.backup or '(none)'} failed: {wrong}"[:499] + "."
        contents = self.restore.get("contents", 0)
        return f"Restored {self.backup}: {contents} contents are whole, {len(self.installed)} files were installed."


def drill(*, actor: Actor, wish: Wish) -> Drill:
    """Do it and keep the evidence, whatever comes of it; rings when it failed."""
    require_operator(actor, "start drills")
    seen, started = _Seen(), time.monotonic()
    row = _begun(wish)
    try:
        _do(places.at(wish.source), wish, seen)
    except Refusal as refusal:
        seen.wrong.append(refusal.detail)
    except (StorageUnavailable, DatabaseError, OSError, http.client.HTTPException, ValueError, KeyError) as error:
        seen.wrong.append(told(f"{type(error).__name__}: {error}"))
    report = json.dumps(seen.report, sort_keys=True)
    row.backup_name, row.report, row.is_good, row.sentence = seen.backup, seen.report, seen.is_good, seen.sentence
    row.seconds = round(time.monotonic() - started, 1)
    row.contents, row.installed = int(seen.restore.get("contents", 0)), len(seen.installed)
    row.report_sha256 = hashlib.sha256(report.encode()).hexdigest()
    _record(actor, row)
    return row


def _begun(wish: Wish) -> Drill:
    """The row of a drill that goes on: one that is killed leaves it, and is found by it."""
    sentence = "It has not ended yet."
    return Drill.objects.create(
        place=told(wish.source)[:400], started_at=timezone.now(), seconds=0.0, is_good=False, sentence=sentence
    )


def _do(place: Place, wish: Wish, seen: _Seen) -> None:
    manifest, _ = authenticity.chosen(place, wish.backup, authenticity.recorded)
    seen.backup = manifest.name
    if wrong := scratch.fault():
        raise Unavailable(wrong, code="drill-database")
    with locking.alone(LOCK), scratch.made() as there:
        seen.restore = _restored(there, place.source, manifest.name, seen)
        if not seen.is_good:
            return
        sample = _answer(there.manage("drill_sample", str(wish.installs)))
        with there.served() as server:
            for file in sample["files"]:
                wrong = samples.installed(server, sample["token"], file)
                if wrong:
                    seen.named.append(wrong)
                else:
                    seen.installed.append(file)


def _restored(there: scratch.Scratch, address: str, name: str, seen: _Seen) -> dict[str, Any]:
    digest = authenticity.recorded(name)
    proof = ["--manifest-sha256", digest] if digest else []
    done = there.manage("restore", address, "--backup", name, "--json", *proof)
    lines = done.stdout.splitlines()
    if done.returncode not in (0, 1) or not lines:
        seen.wrong += lines[:20] or [done.stderr.strip()[-400:]]
        return {}
    found: dict[str, Any] = json.loads(lines[-1])
    seen.named += [*found["faults"], *found["audit_faults"]][:20]
    return found


def _answer(done: Any) -> dict[str, Any]:
    if done.returncode:
        raise Unavailable(
            f"The restored installation does not answer: {done.stderr.strip()[-300:]}", code="drill-start"
        )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def report_for(actor: Actor, row: Drill) -> dict[str, Any]:
    """The report for who reads everything; others see figures where it names projects and files that are not theirs."""
    if actor.reads_everything:
        return dict(row.report)
    found = {name: _figures(value) for name, value in row.report.items() if name != "wrong"}
    return {**found, "wrong": row.report.get("wrong", []) if "named" in row.report else []}


def _figures(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _figures(each) for name, each in value.items()}
    return len(value) if isinstance(value, list) else value


def _record(actor: Actor, row: Drill) -> None:
    with transaction.atomic():
        row.save()
        audit.record(
            actor=actor,
            action="backup.drill",
            subject=row,
            outcome="done" if row.is_good else "refused",
            code="" if row.is_good else FAILED,
            backup=row.backup_name,
            contents=row.contents,
            installed=row.installed,
            seconds=row.seconds,
            report_sha256=row.report_sha256,
        )
        if row.is_good:
            alarms.settle(FAILED)
            alarms.settle(LATE)
        else:
            alarms.ring(FAILED, row.sentence)
