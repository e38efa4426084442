"""What who looks at a prefetch reads of it: what the one who began it may know of names of ours, others need not.

A name of ours is for them as one that is not there (:func:`indexapp.services.serving.ownership.told_to`), in the items and
in the figures.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from django.db.models import Case, CharField, F, Q, QuerySet, Value, When

from accounts.domain.actors import Actor
from indexapp.domain.locks import choosing
from indexapp.domain.locks.wanted import Wanted
from indexapp.models import PrefetchItem, PrefetchJob
from indexapp.services.prefetch import resolving, running
from indexapp.services.serving import index_map, ownership, watermarks

State = PrefetchJob.State
_OURS = Q(state=PrefetchItem.State.OURS)


def items(actor: Actor, job: PrefetchJob) -> QuerySet[Any]:
    """The items of the prefetch; ``told_state`` is how each stands for the actor."""
    rows = PrefetchItem.objects.filter(job=job)
    untold = {name for _, name in _untold(actor, [job.pk])}
    failed = When(_OURS & Q(project__in=untold), then=Value(PrefetchItem.State.FAILED.value))
    states = Case(failed, default=F("state"), output_field=CharField()) if untold else F("state")
    return rows.annotate(told_state=states).select_related("job__index")


def reason(item: Any) -> str:
    """The reason of one of :func:`items`, as the actor is told it."""
    if item.told_state == item.state:
        return str(item.reason)
    served = index_map.read(watermarks.read()).by_pk.get(item.job.index_id)
    if served is not None and item.project in served.merged:
        return choosing.none_there(Wanted.from_json(item.wanted))
    return resolving.not_there(item.project, item.job.index.name)


def fit(actor: Actor, jobs: Iterable[PrefetchJob]) -> None:
    """Have the rows say, in memory alone, what the actor is told of how far each is; once for each row."""
    rows = {job.pk: job for job in jobs}
    for pk, number in Counter(job for job, _ in _untold(actor, rows)).items():
        job = rows[pk]
        moved = min(number, job.done)
        job.done, job.failed = job.done - moved, job.failed + moved
        if moved and job.state in (State.DONE, State.FAILED):
            job.state, job.message = State.FAILED, running.message_of(job.failed, job.total)


def in_state(actor: Actor, rows: QuerySet[PrefetchJob], state: str) -> QuerySet[PrefetchJob]:
    """Those of ``rows`` that stand so for the actor."""
    if state not in (State.DONE, State.FAILED):
        return rows.filter(state=state)
    differing = {job for job, _ in _untold(actor, rows.filter(state=State.DONE).order_by().values("pk"))}
    if state == State.DONE:
        return rows.filter(state=State.DONE).exclude(pk__in=differing)
    return rows.filter(Q(state=State.FAILED) | Q(pk__in=differing))


def _untold(actor: Actor, jobs: Any) -> list[tuple[int, str]]:
    """For each item of these prefetches that says that a name is ours, and may not say so to the actor, prefetch and name."""
    found = PrefetchItem.objects.filter(_OURS, job__in=jobs).order_by()
    rows = list(found.values_list("job_id", "job__index_id", "project"))
    if not rows:
        return []
    names: dict[int, set[str]] = defaultdict(set)
    for _, index, name in rows:
        names[index].add(name)
    indexes = index_map.read(watermarks.read()).by_pk
    told = {
        index: ownership.told_to(actor, indexes[index].mirrors, sorted(several)) if index in indexes else set()
        for index, several in names.items()
    }
    return [(job, name) for job, index, name in rows if name not in told[index]]
