"""Copying an upstream, as a mirror's plan says: the names that changed are listed, and then copied one after the other.

The names to be copied stand in rows, which go as they are done: whoever goes on after a crash finds the others.  The cursor
moves when all names of a list are in such rows and not before, so a list that broke off is read again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from datetime import timedelta
from threading import Lock

from django.db import transaction
from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Now
from django.utils import timezone

from indexapp.clients.upstream import UpstreamFailed
from indexapp.domain.copy_filter import Copied, CopyFilter
from indexapp.models import File, MirroredProject, MirrorPlan, PlannedName
from indexapp.services.mirrors import bringing, listing, renewing
from indexapp.services.serving import index_map, ownership, watermarks
from indexapp.services.serving.index_map import ServedIndex
from tpi_site.kit import queue
from tpi_site.kit.errors import Refusal, Unavailable

log = logging.getLogger(__name__)
JOB = "indexapp.tasks.copy_mirror"
SLICE_SECONDS = 25.0
MOST_ATTEMPTS = 6
_LEASE = timedelta(seconds=90)
_TELL_EVERY = 1.0  # seconds
_LEAST_SECONDS = 0.2
"""That a name takes: with what is done side by side, an upstream is asked for 20 pages a second at most."""
_GIVEN_UP_FOR = timedelta(days=7)
_LONGEST_REASON = 500


def filter_of(plan: MirrorPlan) -> CopyFilter:
    """What the plan lets through."""
    return CopyFilter(
        include=plan.include,
        exclude=plan.exclude,
        newest=plan.newest,
        with_wheels=plan.with_wheels,
        with_sdists=plan.with_sdists,
        with_prereleases=plan.with_prereleases,
        platforms=plan.platforms,
        pythons=plan.pythons,
        max_file_size=plan.max_file_size,
    )


def due_names(plan: MirrorPlan) -> int:
    """How many names wait to be copied now."""
    return PlannedName.objects.filter(_due(), plan=plan).count()


def given_up(plan: MirrorPlan) -> QuerySet[PlannedName]:
    """Names that could not be copied: ``reason`` says why, and ``not_before`` when it is tried again."""
    return PlannedName.objects.filter(plan=plan.pk, attempts=MOST_ATTEMPTS)


def held_bytes(plan: MirrorPlan) -> int:
    """The bytes of the mirror's files that are here."""
    held = File.objects.filter(index_id=plan.pk, blob__isnull=False)
    return int(held.aggregate(total=Sum("size", default=0))["total"])


def run_all() -> int:
    """Work for a slice of time on each plan that is switched on and that nobody works on; returns how many."""
    on = MirrorPlan.objects.filter(is_on=True).order_by("pk").values_list("pk", flat=True)
    return sum(run(plan) is not None for plan in list(on))


def run(plan_id: int, *, seconds: float = SLICE_SECONDS, hands_on: bool = True) -> MirrorPlan.State | None:
    """List what changed if it is time for that, copy for so long, and let the job cluster go on where more is left.

    Without ``hands_on`` the caller goes on by itself.
    None where there is nothing to work on, or somebody else works on it.
    """
    free = Q(lease_until=None) | Q(lease_until__lt=Now())
    served = index_map.read(watermarks.read()).by_pk.get(plan_id)
    if served is None or served.terms is None or not served.terms.is_asked:
        return None
    if not MirrorPlan.objects.filter(free, pk=plan_id, is_on=True).update(lease_until=Now() + _LEASE):
        return None
    work = _Work(plan_id, served, seconds)
    state, message = MirrorPlan.State.FAILED, "Something went wrong here; the server's log says what."
    try:
        state, message = work.run()
    except UpstreamFailed as error:
        state, message = MirrorPlan.State.FAILED, str(error)
    finally:
        _end(plan_id, state, message, hands_on=hands_on)
    return state


def _end(plan_id: int, state: MirrorPlan.State, message: str, *, hands_on: bool) -> None:
    with transaction.atomic():
        values = {"lease_until": None, "state": state, "message": message[:_LONGEST_REASON]}
        is_there = MirrorPlan.objects.filter(pk=plan_id).update(**values)
        if is_there and hands_on and state == MirrorPlan.State.COPYING:
            queue.enqueue(JOB, plan_id, name="copy mirror")


def _due() -> Q:
    return Q(not_before=None) | Q(not_before__lte=Now())


class _Work:
    """One slice of work on one plan."""

    def __init__(self, plan_id: int, served: ServedIndex, seconds: float) -> None:
        self._plan = MirrorPlan.objects.select_related("index__upstream").get(pk=plan_id)
        self._served = served
        self._filter = filter_of(self._plan)
        self._end = time.monotonic() + seconds
        self._tell_at = 0.0
        self._last = 0
        self._is_wanted = True
        self._room = None if self._plan.byte_budget is None else self._plan.byte_budget - held_bytes(self._plan)
        self._is_full = False
        self._lock = Lock()

    def run(self) -> tuple[MirrorPlan.State, str]:
        """How it stands after it."""
        if self._wants_list():
            listing.read(self._plan, self._takes, self.goes_on)
        bringing.side_by_side(self._more, self._do, goes_on=self.goes_on)
        if self._is_full:
            return MirrorPlan.State.FULL, "The budget is used up; raise it, or let less through."
        left = due_names(self._plan)
        return (MirrorPlan.State.COPYING, f"{left} names are left.") if left else (MirrorPlan.State.IDLE, "")

    def goes_on(self) -> bool:
        """Whether to begin more; renews the lease about once a second."""
        if time.monotonic() >= self._tell_at:
            self._tell_at = time.monotonic() + _TELL_EVERY
            rows = MirrorPlan.objects.filter(pk=self._plan.pk, is_on=True)
            self._is_wanted = bool(rows.update(lease_until=Now() + _LEASE))
        return self._is_wanted and not self._is_full and time.monotonic() < self._end

    def _wants_list(self) -> bool:
        if PlannedName.objects.filter(_due(), plan=self._plan).exists():
            return False
        every = timedelta(minutes=self._plan.every_minutes)
        return self._plan.listed_at is None or self._plan.listed_at + every <= timezone.now()

    def _takes(self, name: str) -> bool:
        return self._filter.takes_name(name)

    def _more(self, number: int) -> list[int]:
        rows = PlannedName.objects.filter(_due(), plan=self._plan, pk__gt=self._last)
        found = list(rows.order_by("pk").values_list("pk", flat=True)[:number])
        self._last = found[-1] if found else self._last
        return found

    def _do(self, pk: int) -> None:
        """Copy one name; what fails is tried again later, each time after longer."""
        began = time.monotonic()
        planned = PlannedName.objects.filter(pk=pk).first()
        if planned is None:
            return
        try:
            problem = self._copy(planned)
        except Unavailable as error:
            _postpone(planned, error.detail)
        except Exception:
            log.exception("%s of the mirror %s", planned, self._served.name)
            _postpone(planned, "Something went wrong here; the server's log says what.")
        else:
            _finish(planned, problem)
        time.sleep(max(0.0, _LEAST_SECONDS - (time.monotonic() - began)))

    def _copy(self, planned: PlannedName) -> str | None:
        """What is wrong with a file for good, empty where nothing is, None where there was no time for all of them."""
        name = planned.normalized_name
        if self._served.terms is None or ownership.is_ours(self._served.terms, name):
            return ""
        row = renewing.renew(self._served, name)
        if row.upstream_serial is not None and row.upstream_serial < planned.serial:
            raise Unavailable("The upstream's page is older than its list.")
        problem = ""
        for file in self._lacking(row):
            if not self.goes_on() or not self._has_room(file.size):
                return None
            fetched = 0
            try:
                fetched = bringing.bring(self._served, file.key)
            except Unavailable:
                raise
            except Refusal as refusal:
                problem = problem or f"{file.filename}: {refusal.detail}"
            finally:
                self._has_room(fetched - file.size)  # what was not fetched, or is larger than was said
        return problem

    def _lacking(self, row: MirroredProject) -> Iterable[Copied]:
        """The files that pass the filter and are not here."""
        if row.project_id is None:
            return []
        rows = File.objects.filter(project_id=row.project_id, is_hidden=False).select_related("release")
        files = {file.pk: file for file in rows}
        chosen = self._filter.choose(
            Copied(file.pk, file.filename, file.release.version, file.size, file.requires_python)
            for file in files.values()
        )
        return [file for file in chosen if files[file.key].blob_id is None]

    def _has_room(self, size: int) -> bool:
        with self._lock:
            if self._room is None:
                return True
            self._room -= size
            self._is_full = self._is_full or self._room < 0
            return not self._is_full


def _finish(planned: PlannedName, problem: str | None) -> None:
    """It is done, or goes on with the next slice; what cannot be had stays to be seen, and is looked at again some day."""
    if problem == "":
        # Not one that a list has put anew meanwhile.
        PlannedName.objects.filter(pk=planned.pk, serial=planned.serial).delete()
    elif problem is not None:
        PlannedName.objects.filter(pk=planned.pk).update(
            attempts=MOST_ATTEMPTS, reason=problem[:_LONGEST_REASON], not_before=timezone.now() + _GIVEN_UP_FOR
        )


def _postpone(planned: PlannedName, sentence: str) -> None:
    attempts = min(planned.attempts + 1, MOST_ATTEMPTS)
    wait = _GIVEN_UP_FOR if attempts == MOST_ATTEMPTS else timedelta(minutes=2**attempts)
    PlannedName.objects.filter(pk=planned.pk).update(
        attempts=attempts, reason=sentence[:_LONGEST_REASON], not_before=timezone.now() + wait
    )
