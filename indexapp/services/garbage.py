"""Collecting what nothing refers to, in two phases.

First what no file needs is marked with the moment at which that was found; a claim takes the mark away.  Then what has been
marked longer than the grace is looked at once more under its lock, and goes with its object.  Objects of which no row speaks
(an upload that died, a row that was collected) go when they were put before the grace: putting them again makes them young.
Several collections at once do each other no harm.  While a backup runs, nothing is removed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from indexapp.models import Blob, File, Leftover, TrashedFile
from indexapp.services import blobs
from indexapp.services.backups import leases
from indexapp.storage import default_storage

_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Garbage:
    """An object that nothing needs since ``since``, with its bytes in the store; ``is_due`` when the grace is over."""

    object_name: str
    size: int
    since: datetime
    is_due: bool
    row: int = 0


def _unused() -> QuerySet[Blob]:
    """Blobs that no file needs, nor one in the trash, nor what an old primary brought back."""
    rows = Blob.objects.filter(~Exists(Leftover.objects.filter(blob=OuterRef("pk"))))
    for model in (File, TrashedFile):
        for column in ("blob", "metadata_blob"):
            rows = rows.filter(~Exists(model._default_manager.filter(**{column: OuterRef("pk")})))
    return rows


def collect(*, older_than: datetime) -> int:
    """Mark what no file needs, and remove what was marked or put before ``older_than``; returns how many contents."""
    mark()
    collected = sum(_collect(found) for found in candidates(older_than=older_than) if found.is_due)
    default_storage().sweep_incoming(older_than=older_than)
    return collected


def mark() -> int:
    """Note since when no file needs a content, and forget it of what is needed again; returns how many are new."""
    marked = Blob.objects.filter(unreferenced_since__isnull=False)
    for batch in _batches(marked):
        needed = set(batch).difference(_unused().filter(pk__in=batch).values_list("pk", flat=True))
        if needed:
            Blob.objects.filter(pk__in=needed).update(unreferenced_since=None)
    new, now = 0, timezone.now()
    for batch in _batches(_unused().filter(unreferenced_since=None)):
        new += _unused().filter(pk__in=batch, unreferenced_since=None).update(unreferenced_since=now)
    return new


def _batches(rows: QuerySet[Blob]) -> Iterator[list[int]]:
    last = 0
    while batch := list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:_BATCH]):
        last = batch[-1]
        yield batch


def candidates(*, older_than: datetime) -> Iterator[Garbage]:
    """Everything that nothing needs, due or not: contents with a row, then objects without one."""
    last, rows = 0, _unused().order_by("pk")
    while batch := list(rows.filter(pk__gt=last)[:_BATCH]):
        last = batch[-1].pk
        for blob in batch:
            since = blob.unreferenced_since or timezone.now()
            is_due = blob.unreferenced_since is not None and since < older_than
            yield Garbage(blob.object_name, blob.place.stored_size, since, is_due, blob.pk)
    for name in blobs.unclaimed():
        try:
            state = default_storage().stat(name)
        except FileNotFoundError:  # a refused upload took it back meanwhile
            continue
        yield Garbage(name, state.size, state.put_at, state.put_at < older_than)


def _collect(found: Garbage) -> bool:
    if not found.row:
        with transaction.atomic():  # a snapshot may name an object that its row has left for another since
            return not leases.is_held() and blobs.forget(found.object_name)
    with transaction.atomic():
        blob = Blob.objects.filter(pk=found.row).first()
        if blob is None or leases.is_held():
            return False
        _hold_both(blob)
        values: dict[str, Any] = {"pk": blob.pk, "object_name": blob.object_name}
        if not _unused().filter(**values, unreferenced_since=found.since).exists():
            return False
        blob.delete()
        if not Blob.objects.filter(object_name=blob.object_name).exists():
            default_storage().delete(blob.object_name)
    return True


def _hold_both(blob: Blob) -> None:
    """Take the locks of the object and of the one that an upload of the same bytes puts now, in the order of claims."""
    for name in sorted({blob.object_name, default_storage().object_name(blob.sha256)}):
        blobs.hold(name)
