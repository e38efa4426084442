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
    """What there is, is summed up once: that reads every file of the mirror."""
    evicted, excess = 0, used(upstream.pk) - (upstream.room or 0)
    while excess > 0 and (rows := _candidates(upstream, excess)):
        gone, freed = _give_up(actor, upstream, rows)
        evicted, excess = evicted + gone, excess - freed
        if not gone:  # somebody else makes room, or they were all used meanwhile: the next run looks again
            break
    return evicted


def _candidates(upstream: Upstream, excess: int) -> list[int]:
    """As many files as are needed, up to a batch."""
    rows, freed = [], 0
    for row, size in _dispensable(upstream).values_list("pk", "size")[:_BATCH]:
        rows.append(row)
        freed += size
        if freed >= excess:
            break
    return rows


def _give_up(actor: Actor, upstream: Upstream, rows: list[int]) -> tuple[int, int]:
    """Those that may still go; how many that are, and their bytes.  Two at once do not give up the same twice."""
    with transaction.atomic():
        locking.hold(f"evict:{upstream.pk}")
        sizes = dict(_dispensable(upstream).filter(pk__in=rows).values_list("pk", "size"))
        if not sizes:
            return 0, 0
        File.objects.filter(pk__in=list(sizes)).update(blob=None)
        MirroredFile.objects.filter(pk__in=list(sizes)).update(fetched_at=None)
        freed = sum(sizes.values())
        audit.record(actor=actor, action="mirror.evict", subject=upstream.index, files=len(sizes), bytes=freed)
    return len(sizes), freed


def _dispensable(upstream: Upstream) -> QuerySet[File]:
    until = timezone.now() - timedelta(hours=upstream.keep_hours)
    rows = File.objects.filter(index=upstream.pk, blob__isnull=False, mirrored__is_pinned=False, mirrored__conflict="")
    rows = rows.filter(mirrored__removed_at=None, mirrored__fetched_at__isnull=False, mirrored__last_used_at__lt=until)
    return rows.exclude(project__mirrored__is_gone=True).order_by("mirrored__last_used_at", "pk")
