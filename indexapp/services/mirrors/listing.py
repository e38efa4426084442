"""Reading an upstream's list of projects, and planning to copy those that changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

from django.db.models import QuerySet
from django.utils import timezone

from indexapp.clients.upstream import ListedProject, fetch_project_names
from indexapp.domain.names import normalize_name
from indexapp.models import MirroredProject, MirrorPlan, PlannedName
from indexapp.services.mirrors import addresses

Entry = TypeVar("Entry")
_BATCH = 500
_WILD = frozenset("*?[")


def read(plan: MirrorPlan, takes: Callable[[str], bool], keep: Callable[[], object]) -> None:
    """Plan the names whose serial is above the cursor, or all where the list tells none, and move the cursor.

    Known names that the list has no more are planned too: their pages tell what became of them.  ``takes`` says whether a
    normalised name is copied; ``keep`` is called now and then.  Raises :class:`UpstreamFailed`.
    """
    names = fetch_project_names(addresses.of(plan.index))
    entries = names.entries() if names is not None else _without_list(plan)
    highest, seen = 0, set[str]()
    for batch in _batches(entries):
        keep()
        found: dict[str, int] = {}
        for entry in batch:
            name, serial = normalize_name(entry.name), entry.last_serial
            highest = max(highest, serial or 0)
            if not takes(name):
                continue
            seen.add(name)
            if serial is None or serial > plan.cursor:
                found[name] = serial or 0
        _plan(plan, found)
    if names is not None:
        gone = _known(plan).exclude(is_gone=True).values_list("normalized_name", flat=True)
        for batch_of_names in _batches(name for name in gone.iterator() if takes(name) and name not in seen):
            _plan(plan, dict.fromkeys(batch_of_names, 0))
    # An upstream that counts from the beginning again is another one: all of it is looked at in the next round.
    is_reset = highest < plan.cursor
    plan.cursor, plan.listed_at = (0, None) if is_reset else (highest, timezone.now())
    MirrorPlan.objects.filter(pk=plan.pk, is_on=True).update(cursor=plan.cursor, listed_at=plan.listed_at)


def _known(plan: MirrorPlan) -> QuerySet[MirroredProject]:
    return MirroredProject.objects.filter(index_id=plan.pk, project__isnull=False).order_by()


def _without_list(plan: MirrorPlan) -> Iterator[ListedProject]:
    """Where an upstream has no list: what somebody has asked for, and what the filter names letter for letter."""
    for name in _known(plan).values_list("normalized_name", flat=True).iterator():
        yield ListedProject(name)
    for pattern in plan.include:
        if not _WILD & set(pattern):
            yield ListedProject(pattern)


def _plan(plan: MirrorPlan, names: dict[str, int]) -> None:
    """Put the names; what was put off or given up is tried again, as there is something new."""
    PlannedName.objects.bulk_create(
        [PlannedName(plan=plan, normalized_name=name, serial=serial) for name, serial in names.items()],
        update_conflicts=True,
        unique_fields=["plan", "normalized_name"],
        update_fields=["serial", "attempts", "not_before", "reason"],
    )


def _batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    iterator = iter(entries)
    while batch := list(islice(iterator, _BATCH)):
        yield batch
