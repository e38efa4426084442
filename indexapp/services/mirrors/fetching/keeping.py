"""Keeping what was fetched and proved, and noting what was not what it should be."""

from __future__ import annotations

import logging

from django.db import transaction
from django.utils import timezone

from accounts.services import alarms, audit
from indexapp.domain.change_kinds import ChangeKind
from indexapp.domain.digests import MultiDigest
from indexapp.models import File, MirroredFile
from indexapp.services import blobs, changes
from indexapp.services.integrity import repair
from indexapp.services.mirrors.recording import ACTOR
from indexapp.storage import Spool

log = logging.getLogger(__name__)
ALARM = "mirror-conflict"
_ATTEMPTS = 5
_CONFLICT_LENGTH = 300


def keep(row: int, spool: Spool, digest: MultiDigest) -> bool:
    """Store the spooled bytes and let the file have them; False where the file is gone, or has other bytes by now."""
    stored = blobs.store(digest.sha256, spool)
    for attempt in range(_ATTEMPTS):
        try:
            repair.heal(actor=ACTOR, stored=stored)
            kept = _record(row, stored, digest)
            break
        except blobs.BlobVanishedError:
            if attempt == _ATTEMPTS - 1:
                raise
            stored = blobs.store(digest.sha256, spool)
    if not kept:
        blobs.discard(stored)
    return kept


def _record(row: int, stored: blobs.Stored, digest: MultiDigest) -> bool:
    now = timezone.now()
    with transaction.atomic():
        file = File.objects.select_for_update(of=("self",)).select_related("index", "project", "release").filter(pk=row)
        found = file.first()
        if found is None or not (found.is_unhashed or found.sha256 == digest.sha256):
            return False
        blob = blobs.claim(stored)[stored.sha256]
        shows_more = found.is_unhashed or found.size != digest.size
        found.blob_id, found.size, found.is_unhashed = blob, digest.size, False
        found.sha256, found.blake2b_256, found.md5 = digest.sha256, digest.blake2_256, digest.md5
        found.save(update_fields=["blob", "size", "is_unhashed", "sha256", "blake2b_256", "md5"])
        MirroredFile.objects.filter(pk=row).update(
            fetched_at=now, last_used_at=now, fetching_until=None, fetching_by=""
        )
        if shows_more:
            changes.record(
                actor=ACTOR,
                kind=ChangeKind.FILE_MIRRORED,
                index=found.index,
                project=found.project,
                version=found.release.version,
                filename=found.filename,
                sha256=digest.sha256,
            )
    return True


def note_conflict(row: int, what: str) -> None:
    """The upstream serves other bytes than it announced: they are not kept, and somebody is told."""
    sentence = f"The upstream serves other bytes than were announced: {what}."[:_CONFLICT_LENGTH]
    with transaction.atomic():
        beside = MirroredFile.objects.select_related("file__index", "file__project").filter(pk=row).first()
        if beside is None:
            return
        MirroredFile.objects.filter(pk=row).update(conflict=sentence, conflict_at=timezone.now())
        file = beside.file
        audit.record(actor=ACTOR, action="mirror.conflict", subject=file, index=file.index.name, what=sentence)
    alarms.ring(ALARM, f"'{file.filename}' of the mirror '{file.index.name}': {sentence}", subject=str(file.pk))
