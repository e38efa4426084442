"""The newest releases and projects of an index, as feed readers show them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from accounts.domain.actors import Actor
from indexapp.models import Project, Release
from indexapp.services.feeds import names
from indexapp.services.feeds.names import Shown
from indexapp.services.policies import books, hiding, sight
from indexapp.services.serving import project_documents
from indexapp.services.serving.index_map import ServedIndex
from indexapp.services.serving.project_pages import ServedProject
from indexapp.services.serving.watermarks import Watermark

MOST_RELEASES = 100
MOST_PROJECTS = 40
MOST_OF_PROJECT = 40
_LOOKS = 10
"""Times that so many rows are looked at as are wanted: an index of which little may be shown has a shorter feed."""


class Recent(NamedTuple):
    """A release, or where there is no version a project; ``project`` is the normalised name."""

    name: str
    project: str
    version: str
    summary: str
    at: datetime


_RELEASE = ("project__name", "project__normalized_name", "version", "summary", "created_at", "project__index_id")
_PROJECT = ("name", "normalized_name", "summary", "created_at", "index_id")


def releases(index: ServedIndex, actor: Actor | None, watermark: Watermark) -> list[Recent]:
    """The newest releases that the actor may see (None sees all), the newest first."""
    return _first(_releases(index, actor, watermark), MOST_RELEASES)


def projects(index: ServedIndex, actor: Actor | None, watermark: Watermark) -> list[Recent]:
    """The newest projects, likewise."""
    return _first(_projects(index, actor, watermark), MOST_PROJECTS)


def of_project(page: ServedProject) -> list[Recent]:
    """The newest releases of one project, without those that the policy hides."""
    sights = project_documents.sights_of(page)
    rows = Release.objects.shown().filter(project_id__in=list(sights))
    for pk, seen in sights.items():
        rows = rows.exclude(project_id=pk, version__in=seen.hidden_versions)
    found = rows.order_by("-created_at", "-sort_key").values_list(*_RELEASE[:-1])
    return [Recent(*row) for row in found[:MOST_OF_PROJECT]]


def _releases(index: ServedIndex, actor: Actor | None, watermark: Watermark) -> Iterator[Recent]:
    rows = Release.objects.shown() if actor is None else Release.objects.visible_to(actor)
    rows = rows.filter(project__index_id__in=[member.pk for member in index.members])
    ordered = rows.order_by("-created_at", "-sort_key").values_list(*_RELEASE)
    hidden = hiding.hidden_in(index, watermark).ids
    for start in range(0, _LOOKS * MOST_RELEASES, MOST_RELEASES):
        batch = list(ordered[start : start + MOST_RELEASES])
        found = names.shown_by(index, {row[1] for row in batch})
        kept_back: dict[str, frozenset[str]] = {}
        for *row, member in batch:
            recent, shown = Recent(*row), found.get(row[1])
            if not _is_listed(shown, member, hidden):
                continue
            if recent.project not in kept_back:
                kept_back[recent.project] = _hidden_versions(index, shown, recent.project, watermark)
            if recent.version not in kept_back[recent.project]:
                yield recent
        if len(batch) < MOST_RELEASES:
            return


def _projects(index: ServedIndex, actor: Actor | None, watermark: Watermark) -> Iterator[Recent]:
    rows = Project.objects.all() if actor is None else Project.objects.visible_to(actor)
    ordered = rows.filter(index_id__in=[member.pk for member in index.members]).order_by("-pk").values_list(*_PROJECT)
    hidden = hiding.hidden_in(index, watermark).ids
    for start in range(0, _LOOKS * MOST_PROJECTS, MOST_PROJECTS):
        batch = list(ordered[start : start + MOST_PROJECTS])
        found = names.shown_by(index, {row[1] for row in batch})
        for name, key, summary, at, member in batch:
            if _is_listed(found.get(key), member, hidden):
                yield Recent(name, key, "", summary, at)
        if len(batch) < MOST_PROJECTS:
            return


def _is_listed(shown: Shown | None, member: int, hidden: frozenset[int]) -> bool:
    return shown is not None and shown.index_id == member and not shown.is_quarantined and shown.pk not in hidden


def _hidden_versions(index: ServedIndex, shown: Shown | None, name: str, watermark: Watermark) -> frozenset[str]:
    """What the policy hides of a project; nothing is asked where it hides nothing."""
    if shown is None or not watermark.policy or not books.read(watermark).may_hide:
        return frozenset()
    member = next(member for member in index.members if member.pk == shown.index_id)
    screening = books.screening(index, member, name, watermark)
    return sight.of(screening, shown.pk, name, shown.serial).hidden_versions


def _first(found: Iterator[Recent], most: int) -> list[Recent]:
    return [recent for _, recent in zip(range(most), found, strict=False)]
