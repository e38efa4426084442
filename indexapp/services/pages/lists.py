"""Lists of projects and releases: an index, a search, what was published lately.

Pages are cut by key, never by offset, and nothing is counted: the last page costs what the first does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Case, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.utils import timezone

from accounts.domain.actors import Actor
from indexapp.domain.names import normalize_name
from indexapp.models import Index, Project, Release
from indexapp.services import search, summaries
from indexapp.services.policies import hiding, sight
from indexapp.services.serving import index_map, ownership, watermarks
from indexapp.services.serving.index_map import ServedIndex
from indexapp.services.serving.watermarks import Watermark

PAGE_SIZE = 50
RESULTS_SIZE = 25
RECENT_DAYS = 90
_RECENT = 12
MAX_QUERY = 200
"""Characters of a search that are looked at."""


@dataclass(frozen=True)
class Row:
    """A project in a list, with the version that an installer would take (empty when there is none)."""

    project: Project
    version: str


@dataclass(frozen=True)
class KeyPage:
    """One page of a list; ``previous`` and ``next`` are cursors, empty where there is nothing more."""

    rows: list[Row]
    previous: str = ""
    next: str = ""


def projects_of(index: ServedIndex, actor: Actor, watermark: Watermark | None = None) -> QuerySet[Project]:
    """The projects that ``index`` resolves names to, as far as ``actor`` may see them and the policy does not hide them.

    In a group the first member that has a name decides about it, even where the actor may not see that member's.
    """
    rows = ownership.decided(Project.objects.visible_to(actor), index)
    if hidden := hiding.hidden_in(index, watermark or watermarks.read()).ids:
        rows = rows.exclude(pk__in=hidden)
    members = [member.pk for member in index.members]
    if len(members) == 1:
        return rows.filter(index_id=members[0])
    decided: Any = Q(pk__in=[])
    for place, member in enumerate(members):
        twins = Project.objects.filter(index_id__in=members[:place], normalized_name=OuterRef("normalized_name"))
        decided |= Q(index_id=member) & ~Exists(twins)
    return rows.filter(decided)


def page_of_index(index: ServedIndex, actor: Actor, *, prefix: str = "", after: str = "", before: str = "") -> KeyPage:
    """One page of the index's projects by name, those that begin with ``prefix``."""
    watermark = watermarks.read()
    rows = projects_of(index, actor, watermark).select_related("index")
    if prefix := normalize_name(prefix[:MAX_QUERY]):
        rows = rows.filter(normalized_name__gte=prefix, normalized_name__startswith=prefix)
    backwards = bool(before) and not after
    if backwards:
        rows = rows.filter(normalized_name__lt=before[:MAX_QUERY]).order_by("-normalized_name")
    else:
        rows = rows.filter(normalized_name__gt=after[:MAX_QUERY]).order_by("normalized_name")
    found = list(rows[: PAGE_SIZE + 1])
    has_more, found = len(found) > PAGE_SIZE, found[:PAGE_SIZE]
    if backwards:
        found.reverse()
    has_previous, has_next = (has_more, True) if backwards else (bool(after), has_more)
    return KeyPage(
        _with_versions(found, index, watermark),
        found[0].normalized_name if found and has_previous else "",
        found[-1].normalized_name if found and has_next else "",
    )


def results(actor: Actor, text: str, index: ServedIndex | None = None, *, after: str = "") -> KeyPage:
    """One page of the search's results: the project of that very name, names that begin so, then the others by name."""
    watermark = watermarks.read()
    visible = _everywhere(actor) if index is None else projects_of(index, actor, watermark)
    name = normalize_name(text.strip())
    rank = Case(
        When(normalized_name=name, then=Value(0)),
        When(normalized_name__startswith=name, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    rows = search.matching(visible, text[:MAX_QUERY]).annotate(rank=rank).select_related("index")
    if (place := _parse_cursor(after)) is not None:
        rows = rows.filter(_beyond(*place))
    found: list[Any] = list(rows.order_by("rank", "normalized_name", "pk")[: RESULTS_SIZE + 1])
    last = found[RESULTS_SIZE - 1] if len(found) > RESULTS_SIZE else None
    cursor = f"{last.rank}:{last.pk}:{last.normalized_name}" if last else ""
    shown = found[:RESULTS_SIZE]
    if index is None:
        places = [(row.pk, row.index_id, row.normalized_name) for row in shown]
        hidden = hiding.hidden_among(None, places, watermark)
        shown = [row for row in shown if row.pk not in hidden]
    return KeyPage(_with_versions(shown, index, watermark), next=cursor)


def _everywhere(actor: Actor) -> QuerySet[Project]:
    """What the actor may see in any index by its own address, where mirrors leave out what is ours."""
    rows = Project.objects.visible_to(actor)
    for index in index_map.read(watermarks.read()).by_pk.values():
        if index.is_mirror:
            rows = ownership.decided(rows, index)
    return rows


def _parse_cursor(text: str) -> tuple[int, int, str] | None:
    """Rank, id and name of the row that the last page ended with; None for anything that is no cursor of ours."""
    parts = text.replace("\x00", "").split(":", 2)
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts[:2]):  # noqa: PLR2004
        return None
    return int(parts[0]), int(parts[1]), parts[2][:MAX_QUERY]


def _beyond(rank: int, pk: int, name: str) -> Q:
    same = Q(rank=rank)
    return Q(rank__gt=rank) | same & (Q(normalized_name__gt=name) | Q(normalized_name=name, pk__gt=pk))


def _with_versions(projects: list[Project], index: ServedIndex | None, watermark: Watermark) -> list[Row]:
    """The rows with their latest versions: one query for all of them, and some for each of which a rule may hide files."""
    latest = Release.objects.shown().filter(project=OuterRef("pk")).order_by(*summaries.LATEST_FIRST)
    versions = dict(
        Project.objects.filter(pk__in=[project.pk for project in projects])
        .annotate(latest=Subquery(latest.values("version")[:1]))
        .values_list("pk", "latest")
    )
    for project in projects if watermark.policy else ():
        hidden = sight.of_project(index.name if index else project.index.name, project, watermark).hidden_versions
        if versions.get(project.pk) in hidden:
            shown = summaries.latest_release(project, hidden)
            versions[project.pk] = shown.version if shown else ""
    return [Row(project, versions.get(project.pk) or "") for project in projects]


def recent_releases(actor: Actor) -> list[Release]:
    """What was published here lately, the newest first; the window of days bounds how much is looked through."""
    since = timezone.now() - timedelta(days=RECENT_DAYS)
    rows = Release.objects.visible_to(actor).filter(created_at__gte=since, project__index__kind=Index.Kind.HOSTED)
    rows = rows.exclude(project__status=Project.Status.QUARANTINED).select_related("project__index")
    found = rows.only(*_SHOWN_OF_RELEASE).order_by("-created_at")[:_RECENT]
    watermark = watermarks.read()
    return [release for release in found if not _is_hidden(release, watermark)]


def _is_hidden(release: Release, watermark: Watermark) -> bool:
    project = release.project
    return release.version in sight.of_project(project.index.name, project, watermark).hidden_versions


_SHOWN_OF_RELEASE = (
    "version",
    "summary",
    "created_at",
    "is_yanked",
    "is_prerelease",
    "project__name",
    "project__normalized_name",
    "project__index_id",
    "project__index__name",
)
