"""Making room in mirrors: what was used longest ago goes first, and comes again when somebody asks for it.

What the upstream could not give a second time stays: files that it lists no more, or under whose name it has other bytes now.
So do files that are pinned or were used a short while ago, and all files of a mirror that is offline.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet, Sum
from django.utils import timezone

from accounts.domain.actors import Actor
from accounts.services import audit
from indexapp.models import File, MirroredFile, Upstream
from tpi_site.kit import locking

_BATCH = 200


def run(*, actor: Actor) -> int:
    """Bring every mirror down to the room that it has, as far as may be; returns how many files went."""
    limited = Upstream.objects.filter(room__isnull=False, is_offline=False).select_related("index").order_by("pk")
    return sum(_make_room(actor, upstream) for upstream in limited)


def used(index_id: int) -> int:
    """Bytes of the files of a mirror that are here."""
    found = File.objects.filter(index=index_id, blob__isnull=False).aggregate(sum=Sum("size"))
    return int(found["sum"] or 0)


def _make_room(actor: Actor, upstream: Upstream) -> int:
    evicted = 0
    while number := _one_batch(actor, upstream):
        evicted += number
    return evicted


def _one_batch(actor: Actor, upstream: Upstream) -> int:
    """Give up as many files as needed, up to a batch; two at once do not do it twice."""
    with transaction.atomic():
        locking.hold(f"evict:{upstream.pk}")
        excess = used(upstream.pk) - (upstream.room or 0)
        if excess <= 0:
            return 0
        rows, freed = [], 0
        for row, size in _dispensable(upstream).values_list("pk", "size")[:_BATCH]:
            rows.append(row)
            freed += size
            if freed >= excess:
                break
        if not rows:
            return 0
        File.objects.filter(pk__in=rows).update(blob=None)
        MirroredFile.objects.filter(pk__in=rows).update(fetched_at=None)
        audit.record(actor=actor, action="mirror.evict", subject=upstream.index, files=len(rows), bytes=freed)
    return len(rows)


def _dispensable(upstream: Upstream) -> QuerySet[File]:
    until = timezone.now() - timedelta(hours=upstream.keep_hours)
    rows = File.objects.filter(index=upstream.pk, blob__isnull=False, mirrored__is_pinned=False, mirrored__conflict="")
    rows = rows.filter(mirrored__removed_at=None, mirrored__fetched_at__isnull=False, mirrored__last_used_at__lt=until)
    return rows.exclude(project__mirrored__is_gone=True).order_by("mirrored__last_used_at", "pk")
