"""When bytes were last read and found right; each figure costs a look at one end of an index, or at one row."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from indexapp.models import Blob, ScrubCount


def by_age() -> QuerySet[Any]:
    """Blobs that are not held back, those that were verified (or put) longest ago first; ``seen`` is when that was."""
    rows = Blob.objects.filter(damaged_at=None).annotate(seen=Coalesce("verified_at", "created_at"))
    return rows.order_by("seen", "pk")


def note(blobs: Iterable[int]) -> None:
    """All bytes of these blobs were just read and were right."""
    if keys := list(blobs):
        Blob.objects.filter(pk__in=keys, damaged_at=None).update(verified_at=timezone.now())


def oldest() -> datetime | None:
    """When the blob that was verified longest ago was; None where there are none."""
    found: datetime | None = by_age().values_list("seen", flat=True).first()
    return found


def damaged() -> int:
    """How many blobs are held back; as many entries of an index are read."""
    return Blob.objects.filter(damaged_at__isnull=False).count()


def count() -> ScrubCount:
    """What the scrub has read so far."""
    return ScrubCount.objects.first() or ScrubCount()


def oldest_age() -> timedelta:
    """Since when it is that the oldest was verified; nothing where there are none."""
    moment = oldest()
    return timezone.now() - moment if moment else timedelta()


def oldest_figure() -> dict[tuple[str, ...], float]:
    """For the metrics."""
    return {(): oldest_age().total_seconds()}


def damaged_figure() -> dict[tuple[str, ...], float]:
    """For the metrics."""
    return {(): float(damaged())}


def bytes_figure() -> dict[tuple[str, ...], float]:
    """For the metrics."""
    return {(): float(count().bytes)}
