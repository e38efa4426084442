"""Making a backup while everything goes on.

The database is taken first, as of one moment, then the contents that it spoke of at that moment; garbage collection waits
meanwhile (:mod:`indexapp.services.backups.leases`).  The manifest comes last, and by it the backup comes into being.
"""

from __future__ import annotations

import json
import logging
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, BinaryIO

from django.db import transaction
from django.utils import timezone

from accounts.domain.actors import Actor
from accounts.permissions import require_operator
from accounts.services import alarms, audit, audit_checkpoints, audit_keys
from indexapp.domain.backup_manifest import Manifest, ManifestBroken, Part, code
from indexapp.models import Backup
from indexapp.services.backups import (
    authenticity,
    configuration,
    copying,
    leases,
    packing,
    places,
    retention,
    snapshots,
)
from indexapp.services.backups.places import Place
from indexapp.services.backups.secrets_needed import fingerprint, others
from indexapp.services.backups.snapshots import Content, Snapshot
from indexapp.storage import BlobDamaged, StorageUnavailable, default_storage
from indexapp.storage.telling import told
from tpi_site.kit import locking
from tpi_site.kit.errors import Refusal
from tpi_site.kit.key_ring import key_ring
from tpi_site.kit.release import RELEASE

log = logging.getLogger(__name__)
LOCK = "backup"
FAILED, DAMAGED, LATE = "backup-failed", "backup-damaged", "backup-late"
DOUBTED = "backup-doubted"
_State = Backup.State


@dataclass(frozen=True, slots=True)
class Wish:
    """Where to, whether only what is new is copied, and how many backups are kept there (0: all)."""

    to: str
    incremental: bool = False
    keep: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """The row, the manifest, the objects that could not be copied (a few of them), what was removed, and what is told.

    ``doubts`` are what lies at the place and is not believed, and what kept older backups from being removed.
    """

    row: Backup
    manifest: Manifest
    damaged: tuple[str, ...]
    removed: retention.Removed = field(default_factory=retention.Removed)
    doubts: tuple[str, ...] = ()


def take(*, actor: Actor, wish: Wish) -> Outcome:
    """Make a backup; of two at once the second waits.  Raises StorageUnavailable and Refusal, and rings for both."""
    require_operator(actor, "make backups")
    place = places.at(wish.to, is_made=True)
    with locking.alone(LOCK):
        snapshots.sweep_scratch()
        with _base(place, wish) as base:
            kind = Backup.Kind.INCREMENTAL if base.known else Backup.Kind.FULL
            row = leases.begin(_new_name(timezone.now()), place.address, kind)
            try:
                outcome = _made(place, row, base)
                _record(actor, outcome)
            except BaseException as error:
                _fail(actor, row, error)
                raise
        return _tidied(actor, place, wish, outcome)


def _new_name(now: datetime) -> str:
    return f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


@dataclass(frozen=True, slots=True)
class _Base:
    """What an incremental backup builds upon; without ``known`` it is a full one, and ``lacking`` says why."""

    name: str = ""
    known: copying.KnownContents | None = None
    lacking: str = ""


@contextmanager
def _base(place: Place, wish: Wish) -> Iterator[_Base]:
    """The newest backup; that there is none, or that its list cannot be read any more, is no reason to make none now."""
    if not wish.incremental:
        yield _Base()
        return
    ours = authenticity.survey(place, authenticity.recorded).of(audit_keys.public_key().name)
    if not ours:
        yield _Base(lacking="it is a full one, because there is no backup of this installation to build upon")
        return
    with closing(copying.KnownContents()) as known:
        wrong = _learnt(known, place, ours[-1])
        yield _Base(lacking=wrong) if wrong else _Base(ours[-1].name, known)


def _learnt(known: copying.KnownContents, place: Place, manifest: Manifest) -> str:
    try:
        known.add(packing.contents_of(place, manifest))
    except (BlobDamaged, FileNotFoundError, ManifestBroken) as error:
        return f"it is a full one, because the list of the backup {manifest.name} cannot be read: {error}"
    return ""


def _made(place: Place, row: Backup, base: _Base) -> Outcome:
    keeper = leases.Keeper(row)
    checkpoint = audit_checkpoints.checkpoint()
    with tempfile.TemporaryFile(dir=snapshots.scratch_folder()) as listed:
        with snapshots.taken() as snapshot:
            database = packing.kept(place, packing.DATABASE, snapshot.packing, snapshot.dump, keeper.keep)
            _list(snapshot, listed)
            stated = _stated(snapshot)
        progress = copying.Progress()
        contents = _copied(place, listed, progress, base.known, keeper)
    settings_part = packing.kept(
        place, packing.CONFIGURATION, "", lambda file: _write(file, configuration.as_json()), keeper.keep
    )
    manifest = _signed(
        Manifest(
            name=row.name,
            made_at=row.started_at,
            kind=row.kind,
            base=base.name,
            audit_checkpoint=checkpoint.note if checkpoint else "",
            contents=progress.contents,
            content_bytes=progress.content_bytes,
            damaged=progress.damaged,
            parts=[database, contents, settings_part],
            **stated,
        )
    )
    digest = place.keep(manifest)
    _finish(row, progress, digest, base.lacking)
    return Outcome(row, manifest, progress.examples)


def _tidied(actor: Actor, place: Place, wish: Wish, outcome: Outcome) -> Outcome:
    """Look at what else is there and remove what is not kept: whatever comes of that, the backup is made."""
    try:
        found = authenticity.survey(place, authenticity.recorded)
        removed = retention.apply(place, found, keep=wish.keep, made=outcome.row.name)
        doubts = (*found.sentences, *filter(None, [removed.held]))
    except (StorageUnavailable, BlobDamaged, OSError, Refusal) as error:
        removed = retention.Removed()
        doubts = (f"Older backups could not be removed: {getattr(error, 'detail', None) or error}".rstrip("."),)
    outcome = replace(outcome, removed=removed, doubts=doubts)
    _record_tidying(actor, outcome)
    return outcome


def _write(file: BinaryIO, text: bytes) -> None:
    file.write(text)


def _list(snapshot: Snapshot, file: Any) -> None:
    """Note the contents on this machine's disk, so that no transaction is held open while they are copied."""
    for content in snapshots.contents(snapshot):
        line = [content.sha256, content.size, content.object_name, content.sealed_key]
        file.write(json.dumps(line).encode() + b"\n")


def _copied(
    place: Place, listed: Any, progress: copying.Progress, known: copying.KnownContents | None, keeper: leases.Keeper
) -> Part:
    listed.seek(0)
    contents = (Content(*json.loads(line)) for line in listed)
    done = copying.copied(contents, default_storage().objects, place.objects, progress, known)
    return packing.kept(
        place,
        packing.CONTENTS,
        "gzip",
        lambda file: packing.write_contents(_kept_alive(done, keeper), file),
        _nothing,
    )


def _nothing() -> None:
    """The lease is renewed with each content."""


def _kept_alive(done: Iterator[tuple[Content, bool]], keeper: leases.Keeper) -> Iterator[tuple[Content, bool]]:
    for each in done:
        keeper.keep()
        yield each


def _stated(snapshot: Snapshot) -> dict[str, Any]:
    """What the manifest says of the installation at that moment."""
    ring = key_ring()
    needed = snapshots.key_ids(snapshot) | {ring.current}
    return {
        "product": RELEASE,
        "database": snapshot.kind,
        "database_version": snapshot.version,
        "migrations": snapshots.migrations(snapshot),
        "serial": snapshots.serial(snapshot),
        "installation": audit_keys.public_key().name,
        "keys": {key_id: fingerprint(key) for key_id, key in ring.keys.items() if key_id in needed},
        "naming": fingerprint(ring.naming),
        "others": others(ring.keys[ring.current]),
        "mac_key": ring.current,
    }


def _signed(manifest: Manifest) -> Manifest:
    return replace(manifest, mac=code(manifest, key_ring().keys[manifest.mac_key]))


def _finish(row: Backup, progress: copying.Progress, digest: str, lacking: str) -> None:
    row.state = _State.DAMAGED if progress.damaged else _State.DONE
    row.contents, row.damaged = progress.contents, progress.damaged
    row.copied, row.copied_bytes = progress.copied, progress.copied_bytes
    row.manifest_sha256 = digest
    row.finished_at, row.lease_until = timezone.now(), None
    row.sentence = f"{progress.contents} contents, of which {progress.copied} were copied now"
    if progress.damaged:
        row.sentence += f"; {progress.damaged} are missing or damaged in the storage and are not in it"
    if lacking:
        row.sentence = f"{row.sentence}; {lacking}"[:500]


_WRITTEN = ("state", "contents", "damaged", "copied", "copied_bytes", "manifest_sha256", "finished_at", "lease_until")


def _record(actor: Actor, outcome: Outcome) -> None:
    row, manifest = outcome.row, outcome.manifest
    with transaction.atomic():
        row.save(update_fields=[*_WRITTEN, "sentence"])
        audit.record(
            actor=actor,
            action="backup.take",
            subject=row,
            place=row.place,
            kind=row.kind,
            contents=row.contents,
            copied=row.copied,
            damaged=row.damaged,
            serial=manifest.serial,
            manifest_sha256=row.manifest_sha256,
        )
        alarms.settle(FAILED)
        alarms.settle(LATE)
        if row.damaged:
            sentence = (
                f"The backup {row.name} lacks {row.damaged} contents that the storage has lost: see 'manage.py fsck'."
            )
            alarms.ring(DAMAGED, sentence)
        else:
            alarms.settle(DAMAGED)


def _record_tidying(actor: Actor, outcome: Outcome) -> None:
    with transaction.atomic():
        removed, doubted = list(outcome.removed.backups), len(outcome.doubts)
        if removed or doubted:
            audit.record(actor=actor, action="backup.retain", subject=outcome.row, removed=removed, doubted=doubted)
        _tell_doubts(outcome)


def _tell_doubts(outcome: Outcome) -> None:
    """Somebody may have written to the place: that is to be looked at."""
    subject = outcome.row.place[:150]
    if not outcome.doubts:
        alarms.settle(DOUBTED, subject=subject)
        return
    number = len(outcome.doubts)
    alarms.ring(
        DOUBTED, f"At {subject} {number} things are wrong, of which the first: {outcome.doubts[0]}.", subject=subject
    )


def _fail(actor: Actor, row: Backup, error: BaseException) -> None:
    """Let go of the lease and tell; the error goes on to who asked."""
    why = told(str(getattr(error, "detail", None) or error or type(error).__name__))
    sentence = f"The backup {row.name} failed: {why}"[:500]
    with transaction.atomic():
        Backup.objects.filter(pk=row.pk).update(
            state=_State.FAILED, finished_at=timezone.now(), lease_until=None, sentence=sentence
        )
        audit.record(actor=actor, action="backup.take", subject=row, outcome="refused", code=FAILED, sentence=sentence)
        alarms.ring(FAILED, sentence)
