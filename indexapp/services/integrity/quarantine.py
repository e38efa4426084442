"""Holding damaged blobs back, and giving them free again.

A change record of each file tells every process at once that it must look at the file's row again.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.domain.actors import Actor
from accounts.services import alarms, audit, generations
from indexapp.domain.change_kinds import ChangeKind
from indexapp.models import Blob, File, Following
from indexapp.services import changes
from indexapp.services.integrity.faults import Fault

ALARM = "blob-damaged"


def hold_back(*, actor: Actor, fault: Fault) -> bool:
    """Serve the faulty blob no more; whether it was served until now."""
    assert fault.blob is not None  # noqa: S101  only such faults are given
    with transaction.atomic():
        found = Blob.objects.filter(pk=fault.blob.pk, damaged_at=None)
        if not found.update(damaged_at=timezone.now(), damage=fault.sentence[:200]):
            return False
        audit.record(actor=actor, action="blob.damage", subject=fault.blob, code=fault.code.value, what=fault.sentence)
        _tell(actor, fault.blob, ChangeKind.FILE_DAMAGED)
    return True


def give_free(*, actor: Actor, blob: Blob) -> bool:
    """Serve a blob again whose bytes were proved to be right; whether it was held back until now."""
    with transaction.atomic():
        if not Blob.objects.filter(pk=blob.pk, damaged_at__isnull=False).update(damaged_at=None, damage=""):
            return False
        audit.record(actor=actor, action="blob.repair", subject=blob)
        _tell(actor, blob, ChangeKind.FILE_REPAIRED)
    return True


def _tell(actor: Actor, blob: Blob, kind: ChangeKind) -> None:
    if Following.objects.exists():
        generations.bump_policy()  # a replica's log is its primary's: a change of its own would take the place of one to come
        return
    files = File.objects.filter(Q(blob=blob) | Q(metadata_blob=blob)).select_related("index", "project", "release")
    for file in files.order_by("project_id", "pk"):
        version = file.release.version
        changes.record(
            actor=actor, kind=kind, index=file.index, project=file.project, version=version, filename=file.filename
        )


def ring() -> int:
    """Let the alarm say how many blobs are held back, or end it where none is; returns how many."""
    damaged = Blob.objects.filter(damaged_at__isnull=False).count()
    if damaged:
        alarms.ring(
            ALARM,
            f"{damaged} stored contents are damaged and are not served: see 'manage.py fsck', and restore them with "
            "'manage.py fsck --repair-from'.",
        )
    else:
        alarms.settle(ALARM)
    return damaged
