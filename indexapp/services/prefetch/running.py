"""Working on a prefetch: for a slice of time, several files at once, until nothing waits any more.

The job cluster does other things too, so a long prefetch goes on in slices; who works on one holds its lease, and who finds a
lease that is over goes on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta

from django.db import transaction
from django.db.models import Count, Q, Sum
from django.db.models.functions import Now
from django.utils import timezone

from indexapp.domain.locks.targets import Target
from indexapp.domain.locks.wanted import Wanted
from indexapp.models import PrefetchItem, PrefetchJob
from indexapp.services.mirrors import bringing, pinning
from indexapp.services.prefetch import asking, resolving
from indexapp.services.serving import index_map, watermarks
from tpi_site.kit import queue
from tpi_site.kit.errors import Refusal, Unavailable

log = logging.getLogger(__name__)
SLICE_SECONDS = 25.0
KEPT = timedelta(days=30)
"""For how long one that has ended is told of."""
_LEASE = timedelta(seconds=60)
_TELL_EVERY = 1.0  # seconds
_MOST_ATTEMPTS = 3
_LONGEST_REASON = 500
_UNDER_WAY = (PrefetchJob.State.QUEUED, PrefetchJob.State.RUNNING)
_ENDED_STATES = (PrefetchItem.State.DONE, PrefetchItem.State.OURS, PrefetchItem.State.SKIPPED)


def run(
    job_id: int, *, seconds: float = SLICE_SECONDS, watch: Callable[[dict[str, int]], None] | None = None
) -> PrefetchJob.State | None:
    """Work on it for so long, and let the job cluster go on where that was not enough; how it stands then.

    None where there is no such prefetch, or somebody else works on it.  ``watch`` is told about once a second how far it is,
    by a caller who goes on by itself.
    """
    free = Q(lease_until=None) | Q(lease_until__lt=Now())
    taken = PrefetchJob.objects.filter(free, pk=job_id, state__in=_UNDER_WAY)
    if not taken.update(state=PrefetchJob.State.RUNNING, lease_until=Now() + _LEASE):
        return None
    PrefetchJob.objects.filter(pk=job_id, started_at=None).update(started_at=timezone.now())
    work = _Work(job_id, seconds, watch)
    try:
        bringing.side_by_side(work.more, work.do, goes_on=work.goes_on)
    finally:
        work.tell()
    return _end(job_id, hands_on=watch is None)


def resume() -> int:
    """Go on with what nobody works on, as after a crash, and forget what ended long ago; returns how many went on."""
    free = Q(lease_until=None) | Q(lease_until__lt=Now())
    waiting = PrefetchJob.objects.filter(free, state__in=_UNDER_WAY).order_by("pk").values_list("pk", flat=True)
    resumed = sum(run(job) is not None for job in list(waiting))
    for old in PrefetchJob.objects.exclude(state__in=_UNDER_WAY).filter(ended_at__lt=timezone.now() - KEPT):
        old.delete()
    return resumed


class _Work:
    """One slice of work on one prefetch."""

    def __init__(self, job_id: int, seconds: float, watch: Callable[[dict[str, int]], None] | None) -> None:
        job = PrefetchJob.objects.get(pk=job_id)
        self._pk = job_id
        self._index = job.index_id
        self._targets = [Target(*pair) for pair in job.targets]
        self._with_sdists, self._pins = job.with_sdists, job.is_pinning
        self._end = time.monotonic() + seconds
        self._tell_at = 0.0
        self._is_wanted = True
        self._watch = watch
        self._last = 0
        self._tried: set[int] = set()

    def more(self, number: int) -> list[int]:
        """Items that wait and were not given before, those first that were tried least often."""
        waiting = PrefetchItem.objects.filter(job_id=self._pk, state=PrefetchItem.State.QUEUED)
        found = waiting.filter(pk__gt=self._last, attempts=0).order_by("pk").values_list("pk", flat=True)[:number]
        given = list(found)
        if given:
            self._last = given[-1]
            return given
        again = waiting.filter(attempts__gt=0).order_by("attempts", "pk").values_list("pk", flat=True)
        given = [pk for pk in again if pk not in self._tried][:number]
        self._tried.update(given)
        return given

    def goes_on(self) -> bool:
        """Whether to begin more; tells how far it is, about once a second."""
        if time.monotonic() >= self._tell_at:
            self.tell()
            self._tell_at = time.monotonic() + _TELL_EVERY
        return self._is_wanted and time.monotonic() < self._end

    def tell(self) -> None:
        """Write how far it is, and renew the lease; notes whether it was cancelled."""
        counts = figures(self._pk)
        rows = PrefetchJob.objects.filter(pk=self._pk, state=PrefetchJob.State.RUNNING)
        self._is_wanted = bool(rows.update(**counts, lease_until=Now() + _LEASE))
        if not self._is_wanted:
            PrefetchJob.objects.filter(pk=self._pk).update(**counts)
        if self._watch is not None:
            self._watch(counts)

    def do(self, pk: int) -> None:
        """Resolve a requirement, or fetch a file."""
        item = PrefetchItem.objects.filter(pk=pk, state=PrefetchItem.State.QUEUED).first()
        if item is None:
            return
        try:
            if item.filename:
                self._fetch(item)
            else:
                self._resolve(item)
        except Unavailable as error:
            self._try_again(item, error.detail)
        except Refusal as error:
            _settle(item, PrefetchItem.State.FAILED, error.detail)
        except Exception:
            log.exception("%s of the prefetch %s", item, self._pk)
            _settle(item, PrefetchItem.State.FAILED, "Something went wrong here; the server's log says what.")

    def _resolve(self, item: PrefetchItem) -> None:
        served = index_map.read(watermarks.read()).by_pk[self._index]
        wanted = Wanted.from_json(item.wanted)
        may_know = bool(item.wanted.get(asking.MAY_KNOW))
        found = resolving.resolve(served, wanted, self._targets, may_know=may_know, with_sdists=self._with_sdists)
        if not found.files:
            _settle(item, found.state, found.reason)
            return
        rows = [
            PrefetchItem(
                job_id=self._pk,
                project=item.project,
                version=file.release.version,
                filename=file.filename,
                file=file,
                size=file.size,
            )
            for file in found.files
        ]
        with transaction.atomic():
            PrefetchItem.objects.bulk_create(rows, ignore_conflicts=True)  # two lines may ask for the same file
            item.delete()

    def _fetch(self, item: PrefetchItem) -> None:
        if item.file_id is None:
            _settle(item, PrefetchItem.State.FAILED, "The index has this file no more.")
            return
        served = index_map.read(watermarks.read()).by_pk[self._index]
        fetched = bringing.bring(served, item.file_id)
        if self._pins:
            pinning.pin(item.file_id)
        item.size = fetched
        _settle(item, PrefetchItem.State.DONE, "" if fetched else "It was here already.")

    def _try_again(self, item: PrefetchItem, sentence: str) -> None:
        item.attempts += 1
        state = PrefetchItem.State.QUEUED if item.attempts < _MOST_ATTEMPTS else PrefetchItem.State.FAILED
        _settle(item, state, sentence)


def _settle(item: PrefetchItem, state: str, reason: str) -> None:
    PrefetchItem.objects.filter(pk=item.pk).update(
        state=state, reason=reason[:_LONGEST_REASON], attempts=item.attempts, size=item.size
    )


def figures(job_id: int) -> dict[str, int]:
    """How far it is: all items, those that are settled well and those that failed, and the bytes fetched."""
    items = PrefetchItem.objects.filter(job_id=job_id)
    return items.aggregate(
        total=Count("pk"),
        done=Count("pk", filter=Q(state__in=_ENDED_STATES)),
        failed=Count("pk", filter=Q(state=PrefetchItem.State.FAILED)),
        fetched_bytes=Sum("size", filter=Q(state=PrefetchItem.State.DONE), default=0),
    )


def message_of(failed: int, total: int) -> str:
    """How one ended of which something failed."""
    return f"{failed} of {total} could not be had."


def _end(job_id: int, *, hands_on: bool) -> PrefetchJob.State:
    """Give the lease back: the prefetch has ended, or goes on with the next slice."""
    running = PrefetchJob.objects.filter(pk=job_id, state=PrefetchJob.State.RUNNING)
    counts = figures(job_id)
    if counts["done"] + counts["failed"] < counts["total"]:
        with transaction.atomic():
            # What failed once is tried again when the clock comes by: an upstream that is down is so for a while.
            is_new = PrefetchItem.objects.filter(job_id=job_id, state=PrefetchItem.State.QUEUED, attempts=0).exists()
            if running.update(lease_until=None) and is_new and hands_on:
                queue.enqueue(asking.JOB, job_id, name="prefetch")
    else:
        state = PrefetchJob.State.FAILED if counts["failed"] else PrefetchJob.State.DONE
        message = message_of(counts["failed"], counts["total"]) if counts["failed"] else ""
        running.update(state=state, ended_at=timezone.now(), lease_until=None, message=message, **counts)
    return PrefetchJob.State(PrefetchJob.objects.values_list("state", flat=True).get(pk=job_id))
