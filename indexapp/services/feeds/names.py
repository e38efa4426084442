"""Which project an index shows under each of some names, and all of its list in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from django.db.models import Exists, OuterRef

from accounts.domain.actors import Actor
from indexapp.models import Project
from indexapp.models.querysets import ProjectQuerySet
from indexapp.services.policies import hiding
from indexapp.services.serving import ownership, root_lists
from indexapp.services.serving.index_map import ServedIndex
from indexapp.services.serving.watermarks import Watermark

BATCH = 5000


class Shown(NamedTuple):
    """The project that an index shows under a name."""

    pk: int
    index_id: int
    name: str
    serial: int
    is_quarantined: bool


def shown_by(index: ServedIndex, names: Iterable[str]) -> dict[str, Shown]:
    """By normalised name, the projects that decide about these names, as on the index's list, whoever may see them."""
    rows = _decided(index, Project.objects.filter(index_id__in=[one.pk for one in index.members]))
    fields = ("pk", "index_id", "name", "last_serial", "status", "normalized_name")
    places = {member.pk: place for place, member in enumerate(index.members)}
    found: dict[str, Shown] = {}
    for pk, member, name, serial, status, key in rows.filter(normalized_name__in=set(names)).values_list(*fields):
        if _is_left_out(index, member, key) or (key in found and places[found[key].index_id] < places[member]):
            continue
        found[key] = Shown(pk, member, name, serial, status == Project.Status.QUARANTINED)
    return found


def listed(index: ServedIndex, actor: Actor | None, watermark: Watermark) -> Iterator[list[tuple[str, int]]]:
    """Name and serial of each project on the index's list, as far as ``actor`` may see it (None sees all), in batches.

    No serial is above the watermark's: what changes while the list is read comes again with the changes since then.
    """
    hidden = hiding.hidden_in(index, watermark).ids
    for place, member in enumerate(index.members):
        rows = Project.objects.filter(index_id=member.pk).exclude(status=Project.Status.QUARANTINED)
        if actor is not None:
            rows = rows.visible_to(actor)
        rows = _decided(index, rows)
        if place:
            rows = rows.exclude(Exists(_of_earlier(index, place)))
        last = ""
        while batch := _batch(rows, last):
            last = batch[-1][1]
            yield [
                (name, min(max(serial, index.floor), watermark.serial))
                for name, key, serial, pk in batch
                if pk not in hidden and not _is_left_out(index, member.pk, key)
            ]


def sees_something(index: ServedIndex, actor: Actor) -> bool:
    """Whether there is any project in the index that the actor may see."""
    members = [member.pk for member in index.members]
    return Project.objects.visible_to(actor).filter(index_id__in=members).exists()


def _batch(rows: ProjectQuerySet, after: str) -> list[tuple[str, str, int, int]]:
    found = rows.filter(normalized_name__gt=after).order_by("normalized_name")
    return list(found.values_list("name", "normalized_name", "last_serial", "pk")[:BATCH])


def _of_earlier(index: ServedIndex, place: int) -> ProjectQuerySet:
    """The project of the same name in a member that stands before."""
    earlier = [member.pk for member in index.members[:place]]
    rows = Project.objects.filter(index_id__in=earlier, normalized_name=OuterRef("normalized_name"))
    return _decided(index, rows)


def _decided(index: ServedIndex, rows: ProjectQuerySet) -> ProjectQuerySet:
    return ownership.decided(rows, index, by_prefix=False) if index.mirrors else rows


def _is_left_out(index: ServedIndex, member: int, name: str) -> bool:
    terms = next((mirror.terms for mirror in index.mirrors if mirror.pk == member), None)
    return terms is not None and root_lists.is_left_out(index, terms, name)
