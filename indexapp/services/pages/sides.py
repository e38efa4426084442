"""The projects whose files stand on one page: an index's own, and a mirror's beside it where a group merges the name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Value, When

from indexapp.models import File, Release
from indexapp.services import summaries
from indexapp.services.policies.sight import Sight
from indexapp.services.serving import project_documents
from indexapp.services.serving.project_pages import ServedProject


@dataclass(frozen=True)
class Side:
    """A project by its id, the index that holds it, and what the policy shows of it."""

    project: int
    index: str
    seen: Sight


@dataclass(frozen=True)
class Sides:
    """What is ours goes before what is theirs: a file of ours hides theirs of that name."""

    ours: Side
    theirs: Side | None = None

    def of(self, project: int) -> Side:
        """The side of a row."""
        return self.theirs if self.theirs is not None and project == self.theirs.project else self.ours

    def releases(self, *, with_hidden: bool = False) -> QuerySet[Release]:
        """The releases of both, without those of the mirror of which ours hides every file; of no order."""
        rows = Release.objects.shown().filter(project=self.ours.project)
        if self.theirs is not None:
            offered = self._offered().filter(release=OuterRef("pk"))
            both = Release.objects.shown().filter(project__in=[self.ours.project, self.theirs.project])
            rows = both.filter(Q(project=self.ours.project) | Exists(offered))
        for side in () if with_hidden else filter(None, (self.ours, self.theirs)):
            if side.seen.hidden_versions:
                rows = rows.exclude(project=side.project, version__in=side.seen.hidden_versions)
        return rows

    def latest_first(self, rows: QuerySet[Release]) -> QuerySet[Release]:
        """As an installer would take them; of one version ours first."""
        return self._ours_first(rows, *summaries.LATEST_FIRST)

    def newest_first(self, rows: QuerySet[Release]) -> QuerySet[Release]:
        """By version; of one version ours first."""
        return self._ours_first(rows, "-sort_key")

    def _ours_first(self, rows: QuerySet[Release], *order: str) -> QuerySet[Release]:
        if self.theirs is None:
            return rows.order_by(*order)
        place = Case(When(project=self.ours.project, then=Value(0)), default=Value(1))
        return rows.order_by(*order, place)

    def same(self, release: Release) -> list[Release]:
        """The releases of this version, ours first."""
        if self.theirs is None:
            return [release]
        return list(self.newest_first(self.releases(with_hidden=True).filter(sort_key=release.sort_key)))

    def files(self, releases: Sequence[Release]) -> QuerySet[File]:
        """Source distributions first, then wheels by name; nothing that the policy hides."""
        rows = File.objects.shown().filter(release__in=[release.pk for release in releases])
        if self.theirs is not None:
            rows = rows.filter(Q(project=self.ours.project) | Q(pk__in=self._offered().values("pk")))
        for side in filter(None, (self.ours, self.theirs)):
            if side.seen.hidden_files:
                rows = rows.exclude(project=side.project, filename__in=side.seen.hidden_files)
        return rows.defer("attestations", "comment").order_by("-kind", "filename")

    def _offered(self) -> QuerySet[File]:
        """Files of the mirror under whose name we show none."""
        own = File.objects.shown().filter(project=self.ours.project)
        if self.ours.seen.hidden_files:
            own = own.exclude(filename__in=self.ours.seen.hidden_files)
        assert self.theirs is not None  # noqa: S101  for the type checker
        return File.objects.shown().filter(project=self.theirs.project).exclude(filename__in=own.values("filename"))

    def sources(self, releases: Sequence[Release]) -> tuple[str, ...]:
        """The indexes that have these releases, but for those that are hidden."""
        sides = [(self.of(one.project_id), one.version) for one in releases]
        return tuple(side.index for side, version in sides if version not in side.seen.hidden_versions)

    def is_refused(self, releases: Sequence[Release]) -> bool:
        """Whether nothing of these releases of one version is given out."""
        return bool(releases) and all(one.version in self.of(one.project_id).seen.refusals for one in releases)

    def refusal(self, releases: Sequence[Release]) -> str:
        """What who asks for the version reads; with no releases, for the newest of what is hidden as a whole."""
        if releases:
            first = releases[0]
            return self.of(first.project_id).seen.refusals[first.version] if self.is_refused(releases) else ""
        return next(reversed(list(self.ours.seen.refusals.values())), "")


def of(page: ServedProject) -> Sides:
    """One query for each side that a rule concerns."""
    seen, beside = project_documents.sights_of(page), page.beside
    ours = Side(page.pk, page.member.name, seen[page.pk])
    if beside is None or beside.place.pk not in seen:
        return Sides(ours)
    return Sides(ours, Side(beside.place.pk, beside.member.name, seen[beside.place.pk]))


def by_version(releases: Sequence[Release]) -> Iterator[list[Release]]:
    """Those of one version together; ``releases`` are in the order of their versions."""
    return (list(group) for _, group in groupby(releases, key=lambda one: one.sort_key))
