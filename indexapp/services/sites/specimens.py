"""Which files a site is asked for when it is checked: some at random, and one of the newest that it should have."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db.models import Max, Min, QuerySet
from django.utils import timezone

from indexapp.domain.file_paths import file_path
from indexapp.models import File, MirrorSite
from indexapp.services.serving import files, index_map, watermarks
from indexapp.services.serving.files import ServedFile
from indexapp.services.serving.index_map import ServedIndex
from indexapp.services.serving.watermarks import Watermark

LARGEST: Final = 8 * 1024 * 1024
"""Bytes of a file that is taken to check a site; what readers want is looked at whatever it has, up to a limit."""
AT_RANDOM: Final = 2
_TRIES: Final = 4


@dataclass(frozen=True)
class Specimen:
    """A content of an index, and where it lies below the files root there; ``is_due`` where the site must have it by now."""

    index: ServedIndex
    path: str
    sha256: str
    size: int
    is_due: bool
    is_public: bool

    @property
    def told(self) -> str:
        """What it is called to who watches sites, who need not know names of private files."""
        return self.path.rpartition("/")[2] if self.is_public else f"the content {self.sha256}"


def may_have(site: MirrorSite, served: ServedFile) -> bool:
    """Whether the site may be asked for it: it is offered to readers, whole here, and public unless the site takes more."""
    is_offered = not (served.is_quarantined or served.is_hidden or served.is_damaged or served.is_metadata)
    is_free = served.ruling.rule is None and not served.wants
    return is_offered and is_free and served.stored is not None and (site.takes_private or served.member.anonymous_read)


def of(site: MirrorSite) -> Iterator[Specimen]:
    """A newest one and some others, none twice; none where no index of the site has a file that it may be asked for."""
    watermark = watermarks.read()
    indexes = [
        index
        for pk in site.site_indexes.values_list("index_id", flat=True)
        if (index := index_map.read(watermark).by_pk.get(pk))
    ]
    seen: set[str] = set()
    for index in random.sample(indexes, min(len(indexes), AT_RANDOM)):
        for specimen in _of_index(site, index, watermark):
            if specimen.sha256 not in seen:
                seen.add(specimen.sha256)
                yield specimen


def _of_index(site: MirrorSite, index: ServedIndex, watermark: Watermark) -> Iterator[Specimen]:
    members = [member.pk for member in index.members if site.takes_private or member.anonymous_read]
    rows = File.objects.filter(index_id__in=members, blob__isnull=False, size__lte=LARGEST)
    due_at = timezone.now() - timedelta(hours=site.lag_hours)
    newest = rows.filter(uploaded_at__lte=due_at).order_by("-uploaded_at", "-pk")[:_TRIES]
    yield from _first(site, index, watermark, list(newest))
    ends = File.objects.aggregate(
        low=Min("pk"), high=Max("pk")
    )  # of all: two looks at an index, however many there are
    if ends["low"] is None:
        return
    for _ in range(AT_RANDOM):
        yield from _first(site, index, watermark, _from(rows, random.randint(ends["low"], ends["high"])))  # noqa: S311  no secret


def _from(rows: QuerySet[File], pk: int) -> list[File]:
    return list(rows.filter(pk__gte=pk).order_by("pk")[:_TRIES])


def _first(site: MirrorSite, index: ServedIndex, watermark: Watermark, rows: list[File]) -> Iterator[Specimen]:
    """The first that the index really serves: its group may decide for another, a rule may hold it back."""
    due_at = timezone.now() - timedelta(hours=site.lag_hours)
    for row in rows:
        path = file_path(row.sha256, row.filename)
        served = files.find(index, path, watermark)
        if served is not None and served.row == row.pk and may_have(site, served):
            is_due, is_public = row.uploaded_at <= due_at, served.member.anonymous_read
            yield Specimen(index, path, served.sha256, served.size, is_due, is_public)
            return
