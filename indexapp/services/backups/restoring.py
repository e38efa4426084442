"""Bringing a backup back into an empty installation.

All is checked first (:mod:`indexapp.services.backups.restore_checks`).  Then the contents are copied, and the database comes
last and in one go, so that an installation is never half there; a note in the data folder keeps a server from starting until
the restore is finished.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection

from accounts.domain.actors import Actor, internal
from accounts.domain.checkpoints import CheckpointBroken, opened
from accounts.permissions import require_administrator
from accounts.services import audit_keys, audit_verification
from indexapp.domain.backup_manifest import Manifest
from indexapp.services.backups import copying, packing, postgres_tools, restored
from indexapp.services.backups.places import Place
from indexapp.services.backups.restore_checks import Findings, RestoreRefused, Target, check
from indexapp.services.integrity.checking import Summary, Wish
from indexapp.services.integrity.checking import check as fsck
from indexapp.storage import default_storage
from tpi_site.kit import read_only
from tpi_site.kit.errors import Unavailable

Report = Callable[[str, int, int], None]


@dataclass(slots=True)
class Restored:
    """What came of it; ``faults`` are those that the examination afterwards found and could not undo."""

    findings: Findings
    contents: int = 0
    copied: int = 0
    faults: list[str] = field(default_factory=list)
    audit_faults: list[str] = field(default_factory=list)
    next_serial: int = 0

    @property
    def is_good(self) -> bool:
        """Whether everything is as it was."""
        return not self.faults and not self.audit_faults


def restore(*, actor: Actor, place: Place, manifest: Manifest, target: Target, report: Report) -> Restored:
    """Check, copy, restore and examine; raises RestoreRefused before anything is changed."""
    require_administrator(actor, "restore a backup")
    with read_only.passing():  # the backup may be of a moment when the mode was on
        return _restore(actor, place, manifest, target, report)


def _restore(actor: Actor, place: Place, manifest: Manifest, target: Target, report: Report) -> Restored:
    _begun_before(target, manifest)
    findings = check(place, manifest, target, lambda done, total: report("checked", done, total))
    if findings.problems:
        raise RestoreRefused(findings.problems)
    done = Restored(findings)
    note = unfinished()
    _write_note(note, manifest.name)
    _copy(place, manifest, done, report)
    _put_database(place, manifest)
    call_command("migrate", interactive=False, verbosity=0)
    done.next_serial = restored.record(actor=actor, place=place, manifest=manifest)
    note.unlink()
    _examine(done, manifest, report)
    return done


def unfinished() -> Path:
    """The note that a restore was begun and not finished; it holds the backup's name."""
    return Path(settings.TPI_DATA_DIR) / "restore-in-progress"


def require_finished() -> None:
    """Refuse to start an installation that is only restored in part."""
    if unfinished().exists():
        raise Unavailable(
            f"A restore was begun in {settings.TPI_DATA_DIR} and not finished: run the same 'manage.py restore' again, or "
            "empty the data folder and the storage.",
            code="restore-unfinished",
        )


def _begun_before(target: Target, manifest: Manifest) -> None:
    note = unfinished()
    if not note.exists():
        return
    name = note.read_text(encoding="ascii").strip()
    if name != manifest.name:
        raise Unavailable(
            f"A restore of the backup {name} was begun here and not finished; finish it with --backup {name}, or empty the "
            "data folder and the storage.",
            code="restore-unfinished",
        )
    target.resumes = name


def _write_note(note: Path, name: str) -> None:
    note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    note.write_text(f"{name}\n", encoding="ascii")
    _sync(note)


def _copy(place: Place, manifest: Manifest, done: Restored, report: Report) -> None:
    storage = default_storage().objects
    for content, is_there in packing.contents_of(place, manifest):
        done.contents += 1
        if is_there and copying.fault_in(content, storage, deep=True) is not None:
            copying.copy(content.object_name, place.objects, storage)
            done.copied += 1
        report("copied", done.contents, manifest.contents)


def _put_database(place: Place, manifest: Manifest) -> None:
    part = manifest.part(packing.DATABASE)
    pieces = packing.unpacked(place.opened(part), part.packing)
    if connection.vendor == "postgresql":
        server = postgres_tools.reached(connection)
        connection.close()
        postgres_tools.restore(server, pieces)
    else:
        connection.close()
        _put_file(Path(str(connection.settings_dict["NAME"])), pieces)


def _put_file(path: Path, pieces: Iterator[bytes]) -> None:
    """Write the database beside its place, look whether it is one, and let it take its place at once."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".restored-")
    beside = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        _require_sound(beside)
        for left in (f"{path}-wal", f"{path}-shm"):
            Path(left).unlink(missing_ok=True)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    _sync(path.parent)


def _require_sound(path: Path) -> None:
    found = sqlite3.connect(path)
    try:
        ((said,),) = found.execute("PRAGMA quick_check(1)").fetchall()
    finally:
        found.close()
    if said != "ok":
        raise Unavailable(f"The database of the backup is damaged: {said}", code="database-damaged")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _examine(done: Restored, manifest: Manifest, report: Report) -> None:
    """All bytes, rows, keys and counters, and the audit chain up to the checkpoint of the backup."""
    wish, summary = Wish(deep=True, repairs=True, progress=lambda now, all_: report("examined", now, all_)), Summary()
    for fault, is_repaired in fsck(actor=internal("restore"), wish=wish, summary=summary):
        if not is_repaired:
            done.faults.append(str(fault))
    done.audit_faults = _audit_faults(manifest)


def _audit_faults(manifest: Manifest) -> list[str]:
    keys: list[Any] = [audit_keys.public_key()]
    outside = None
    if manifest.audit_checkpoint and manifest.installation == keys[0].name:
        try:
            outside = opened(manifest.audit_checkpoint, keys)
        except CheckpointBroken as broken:
            return [f"The checkpoint of the backup cannot be used: {broken}."]
    elif manifest.installation != keys[0].name:
        return []  # its checkpoints are another key's, which --other-secrets has accepted
    return [str(fault.sentence) for fault in audit_verification.verify(keys, outside).faults]
