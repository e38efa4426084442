"""The change log as the journal of an index: what happened to the projects that it shows, in the order of serials."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

from django.db.models import QuerySet

from accounts.domain.actors import Actor
from indexapp import permissions
from indexapp.domain.change_kinds import ChangeKind
from indexapp.domain.journal import JournalRow, in_words
from indexapp.models import Change
from indexapp.services.feeds import names
from indexapp.services.feeds.names import Shown
from indexapp.services.policies import hiding
from indexapp.services.serving.index_map import ServedIndex
from indexapp.services.serving.watermarks import Watermark

MOST = 50_000
"""Rows of one answer, as on PyPI; who gets so many asks again from the last."""
_BATCH = 1000
_LARGEST = 2**63 - 1


class _Event(NamedTuple):
    serial: int
    at: datetime
    kind: str
    index_id: int
    project: str
    version: str = ""
    filename: str = ""
    detail: dict[str, Any] = {}


_FIELDS = ("serial", "at", "kind", "index_id", "project", "version", "filename", "detail")


def since(index: ServedIndex, actor: Actor | None, watermark: Watermark, serial: int) -> Iterator[list[JournalRow]]:
    """What happened after ``serial``, as far as ``actor`` may see it (None sees all), in batches; at most :data:`MOST` rows.

    All rows of one serial are in one answer.
    """
    serial = min(max(serial, 0), _LARGEST)
    left = MOST
    for batch in _batches(_changes(index, actor, watermark, serial)):
        rows = _shown(index, watermark, batch)
        if len(rows) > left:
            yield _cut(rows, left)
            return
        left -= len(rows)
        yield rows


def _batches(events: Iterator[_Event]) -> Iterator[list[_Event]]:
    return ([event for _, event in batch] for _, batch in groupby(enumerate(events), lambda pair: pair[0] // _BATCH))


def _cut(rows: list[JournalRow], left: int) -> list[JournalRow]:
    """The first of them, without those of a serial of which not all would be there."""
    after = rows[left].serial
    return [row for row in rows[:left] if row.serial < after]


def _changes(index: ServedIndex, actor: Actor | None, watermark: Watermark, serial: int) -> Iterator[_Event]:
    rows: QuerySet[Change] = Change.objects.all() if actor is None else permissions.changes_visible_to(actor)
    members = {member.name: member.pk for member in index.members}
    rows = rows.filter(index_name__in=list(members), index_id__in=list(members.values()), serial__lte=watermark.serial)
    rows = rows.exclude(project="").order_by("serial")
    while batch := list(rows.filter(serial__gt=serial).values_list(*_FIELDS)[:_BATCH]):
        serial = batch[-1][0]
        yield from (_Event(*row) for row in batch)


def _shown(index: ServedIndex, watermark: Watermark, events: list[_Event]) -> list[JournalRow]:
    """The events of projects that the index shows, and of those that it showed, in the journal's words."""
    found = names.shown_by(index, {event.project for event in events})
    hidden = hiding.hidden_in(index, watermark).ids
    mirrors = {mirror.pk for mirror in index.mirrors}
    rows: list[JournalRow] = []
    for event in events:
        shown = found.get(event.project)
        if _is_told(event, shown, index, mirrors) and (shown is None or shown.pk not in hidden):
            name, at = shown.name if shown else event.project, int(event.at.timestamp())
            rows.extend(
                JournalRow(name, version, at, action, event.serial)
                for version, action in in_words(event.kind, event.version, event.filename, event.detail)
            )
    return rows


def _is_told(event: _Event, shown: Shown | None, index: ServedIndex, mirrors: set[int]) -> bool:
    """Whether it happened to the project that decides about the name, or to one that is gone."""
    if shown is None:
        return event.index_id not in mirrors  # theirs, of a name that is ours
    if event.kind == ChangeKind.PROJECT_DELETED.value or event.project in index.merged:
        return True
    return event.index_id == shown.index_id
