"""Which releases that are held here have known vulnerabilities, as far as the asker may see them.

Nothing of it is stored: it is worked out from the releases and the advisories as they stand when it is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.domain.actors import Actor
from indexapp.domain.osv.severity import UNKNOWN, severity_word
from indexapp.models import AdvisoryPackage, File, Index, Release
from indexapp.services.vulnerabilities import matching, usage
from indexapp.services.vulnerabilities.matching import KnownAdvisory

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class ExposedRelease:
    """A release and the advisories that speak of it; ``score`` is the highest of theirs, None where none has one."""

    pk: int
    index: str
    project: str
    version: str
    is_yanked: bool
    advisories: tuple[KnownAdvisory, ...]
    score: float | None
    last_used: datetime | None = None
    """When one of its files was downloaded last, as far as this node's download log goes back; None where it does not say."""

    @property
    def severity(self) -> str:
        """The word of the score."""
        return severity_word(self.score)

    @property
    def fixed_versions(self) -> tuple[str, ...]:
        """The versions that the advisories name as fixed, each once."""
        return tuple(dict.fromkeys(version for one in self.advisories for version in one.fixed_versions))


def candidates(actor: Actor) -> QuerySet[Release]:
    """The releases that the actor may see, of projects of which an advisory speaks; of a mirror those that were fetched."""
    named = AdvisoryPackage.objects.filter(
        normalized_name=OuterRef("project__normalized_name"), advisory__withdrawn_at=None
    )
    fetched = File.objects.filter(release=OuterRef("pk"), mirrored__fetched_at__isnull=False)
    rows = Release.objects.visible_to(actor).filter(Exists(named)).select_related("project__index").defer("metadata")
    return rows.filter(~Q(project__index__kind=Index.Kind.MIRROR) | Exists(fetched))


def judged(releases: Iterable[Release], *, least: float | None = None) -> list[ExposedRelease]:
    """Those of the releases that are exposed; ``least`` leaves out what has a lower score, or none."""
    rows = list(releases)
    known = matching.every_advisory_for_all({row.project.normalized_name for row in rows})
    found = []
    for row in rows:
        advisories = affecting(known[row.project.normalized_name], row.version)
        score = highest(advisories)
        if advisories and (least is None or (score is not None and score >= least)):
            found.append((row, advisories, score))
    return [
        ExposedRelease(
            pk=row.pk,
            index=row.project.index.name,
            project=row.project.normalized_name,
            version=row.version,
            is_yanked=row.is_yanked,
            advisories=advisories,
            score=score,
        )
        for row, advisories, score in found
    ]


def affecting(advisories: Iterable[KnownAdvisory], version: str) -> tuple[KnownAdvisory, ...]:
    """Those that hold and speak of the version."""
    return tuple(one for one in advisories if one.withdrawn_at is None and one.affects(version))


def highest(advisories: Iterable[KnownAdvisory]) -> float | None:
    """The highest score among them."""
    return max((one.score for one in advisories if one.score is not None), default=None)


def with_usage(rows: Sequence[ExposedRelease], used: Mapping[tuple[str, str], datetime]) -> list[ExposedRelease]:
    """The same with what :func:`.usage.last_downloads` and mirrors know of their use; one query."""
    if not rows:
        return []
    files = File.objects.filter(release__in=[row.pk for row in rows]).order_by()
    latest: dict[int, datetime] = {}
    for project, filename, pk, noted in files.values_list(
        "project__normalized_name", "filename", "release", "mirrored__last_used_at"
    ):
        known = [moment for moment in (used.get((project, filename)), noted, latest.get(pk)) if moment]
        if known:
            latest[pk] = max(known)
    return [replace(row, last_used=latest.get(row.pk)) for row in rows]


def walked(releases: QuerySet[Release], *, least: float | None = None) -> Iterator[list[ExposedRelease]]:
    """All of them that are exposed, by the releases' ids; a few hundred releases are held at once."""
    rows, last = releases.order_by("pk"), 0
    while found := list(rows.filter(pk__gt=last)[:_AT_ONCE]):
        yield judged(found, least=least)
        last = found[-1].pk


@dataclass(frozen=True, slots=True)
class Overview:
    """How many releases are exposed by severity, and the worst of them."""

    counts: dict[str, int]
    worst: list[ExposedRelease]
    total: int


def overview(actor: Actor, *, most: int) -> Overview:
    """What a page shows: the worst first."""
    counts = dict.fromkeys(("critical", "high", "medium", "low", "none", UNKNOWN), 0)
    worst: list[ExposedRelease] = []
    for rows in walked(candidates(actor)):
        for one in rows:
            counts[one.severity] += 1
        worst = _worst([*worst, *rows], most)
    return Overview(counts, with_usage(worst, usage.last_downloads()), sum(counts.values()))


def _worst(rows: list[ExposedRelease], most: int) -> list[ExposedRelease]:
    return sorted(rows, key=lambda one: (-(one.score or 0.0), one.index, one.project, one.pk))[:most]
