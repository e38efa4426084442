"""How upstreams are: counted for the metrics, and kept as one mark for each mirror, which is written when it turns."""

from __future__ import annotations

from django.db.models import Count
from django.utils import timezone
from prometheus_client import Counter

from indexapp.clients.upstream import Failure, UpstreamFailed
from indexapp.models import Index, MirroredFile, MirroredProject, Upstream

REQUESTS = Counter(
    "tpi_upstream_requests", "Questions to upstreams for pages, by what came of them.", ["mirror", "outcome"]
)
_ABOUT_ALL = frozenset({Failure.UNREACHABLE, Failure.REFUSED, Failure.BUSY, Failure.TOO_SLOW})
"""Failures that say something of the upstream, and not of one page there."""
_FAILURE_LENGTH = 300


def note_answer(index: Index, outcome: str) -> None:
    """The upstream answered: ``page``, ``unchanged`` or ``missing``."""
    REQUESTS.labels(index.name, outcome).inc()
    if index.upstream.failing_since is not None:
        Upstream.objects.filter(pk=index.pk).update(failing_since=None, failure="")


def note_failure(index: Index, failure: UpstreamFailed) -> None:
    """The upstream gave nothing that can be used."""
    REQUESTS.labels(index.name, failure.code).inc()
    if failure.kind in _ABOUT_ALL and index.upstream.failing_since is None:
        said = str(failure)[:_FAILURE_LENGTH]
        Upstream.objects.filter(pk=index.pk, failing_since=None).update(failing_since=timezone.now(), failure=said)


def failing() -> list[Upstream]:
    """The upstreams that do not answer, though they are to be asked."""
    rows = Upstream.objects.filter(failing_since__isnull=False, is_offline=False).select_related("index")
    return list(rows.order_by("index__name"))


def failing_figures() -> dict[tuple[str, ...], float]:
    """For the metrics: 1 for each mirror whose upstream fails, 0 for the others."""
    rows = Upstream.objects.order_by().values_list("index__name", "failing_since", "is_offline")
    return {(name,): float(since is not None and not is_offline) for name, since, is_offline in rows}


def page_figures() -> dict[tuple[str, ...], float]:
    """For the metrics: how many pages of each mirror could not be asked for the last time."""
    rows = MirroredProject.objects.exclude(failure="").order_by().values_list("index__name").annotate(Count("pk"))
    return {(name,): float(number) for name, number in rows}


def conflict_figures() -> dict[tuple[str, ...], float]:
    """For the metrics: files of each mirror that have other bytes upstream now, and nobody has decided."""
    rows = MirroredFile.objects.filter(conflict_at__isnull=False).order_by().values_list("file__index__name")
    return {(name,): float(number) for name, number in rows.annotate(Count("pk"))}
