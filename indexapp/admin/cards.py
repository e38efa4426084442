"""The app's part of the console's landing page."""

from __future__ import annotations

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest

from indexapp.admin.rows import Reach, reach_for
from indexapp.models import Index, Project, Release
from indexapp.services.integrity import verification
from tpi_site.kit.admin import Card, Figure, Line, actor_of, cards, marks

_SHOWN = 6
_LATE_DAYS = 2
"""That a run may come later than its day: then the scrub does not keep up."""


def looked_after(request: HttpRequest) -> Card:
    """How many indexes and projects the actor administers, and what is amiss among them."""
    reach = reach_for(request)
    if not reach.has_indexes and reach.projects is None:
        return Card("What you look after", empty="No index or project yet; an administrator can give your team a role.")
    may_make = actor_of(request).may_administer_instance
    projects = [Project.objects.filter(part) for part in reach.parts("index", "pk") or [Q()]]
    quarantined = [
        rows.exclude(status=Project.Status.ACTIVE).filter(status=Project.Status.QUARANTINED) for rows in projects
    ]
    return Card(
        "What you look after",
        figures=[
            cards.figure("Indexes", [reach.whole_indexes()], marks.list_url(Index)),
            cards.figure("Projects", projects, marks.list_url(Project)),
            cards.figure("Quarantined", quarantined, marks.list_url(Project, status="quarantined"), tone="bad"),
        ],
        link_label="New index" if may_make else "",
        link_url=marks.add_url(Index) if may_make else "",
    )


def _latest(reach: Reach) -> list[Release]:
    """Of each part of what the actor administers the latest releases, and of these the latest."""
    rows = Release.objects.select_related("project__index").defer("metadata").order_by("-pk")
    parts = reach.parts("project__index", "project") or [Q()]
    found = [release for part in parts for release in rows.filter(part)[:_SHOWN]]
    return sorted(found, key=lambda release: release.pk, reverse=True)[:_SHOWN]


def recent_releases(request: HttpRequest) -> Card:
    """The latest releases among the actor's projects."""
    lines = [
        Line(
            str(release),
            marks.page_url(release),
            f"in {release.project.index.name}",
            "yanked" if release.is_yanked else "",
            "warn",
            release.created_at,
        )
        for release in _latest(reach_for(request))
    ]
    return Card(
        "Recent releases",
        lines=lines,
        empty="Nothing has been published yet. Make a token with the right to upload, and give it to twine or uv.",
        link_label="All releases" if lines else "",
        link_url=marks.list_url(Release),
    )


def integrity(request: HttpRequest) -> Card | None:
    """How much is damaged, and how long ago the bytes that waited longest were read, for those who run the installation."""
    if not actor_of(request).sees_operation:
        return None
    damaged, days, read = verification.damaged(), verification.oldest_age().days, verification.count()
    is_late = bool(settings.TPI_SCRUB_DAYS) and days > settings.TPI_SCRUB_DAYS + _LATE_DAYS
    last = Line("Last scrub", at=read.last_run_at) if read.last_run_at else Line("Last scrub", note="none yet")
    return Card(
        "Integrity",
        figures=[
            Figure("Damaged contents", str(damaged), tone="bad" if damaged else ""),
            Figure("Days since the oldest was verified", str(days), tone="warn" if is_late else ""),
            Figure("Scrubbed", marks.size(read.bytes)),
        ],
        lines=[last if settings.TPI_SCRUB_DAYS else Line("Scrub", mark="off", tone="warn")],
    )
