"""The app's part of the console's landing page."""

from __future__ import annotations

from django.http import HttpRequest

from accounts.domain.verbs import Verb
from indexapp.admin.rows import administered_indexes, administered_projects
from indexapp.models import Index, Project, Release
from tpi_site.kit.admin import Card, Line, actor_of, cards, marks

_SHOWN = 6


def looked_after(request: HttpRequest) -> Card:
    """How many indexes and projects the actor administers, and what is amiss among them."""
    actor = actor_of(request)
    indexes, projects = administered_indexes(actor), administered_projects(actor)
    if not actor.may_administer_instance and not projects.exists() and not indexes.exists():
        return Card("What you look after", empty="No index or project yet; an administrator can give your team a role.")
    quarantined = projects.filter(status=Project.Status.QUARANTINED)
    return Card(
        "What you look after",
        figures=[
            cards.figure("Indexes", indexes, marks.list_url(Index)),
            cards.figure("Projects", projects, marks.list_url(Project)),
            cards.figure("Quarantined", quarantined, marks.list_url(Project, status="quarantined"), tone="bad"),
        ],
        link_label="New index" if actor.may_administer_instance else "",
        link_url=marks.add_url(Index) if actor.may_administer_instance else "",
    )


def recent_releases(request: HttpRequest) -> Card:
    """The latest releases among the actor's projects."""
    rows = Release.objects.permitting(actor_of(request), Verb.ADMINISTER).select_related("project__index")
    lines = [
        Line(
            str(release),
            marks.page_url(release),
            f"in {release.project.index.name}",
            "yanked" if release.is_yanked else "",
            "warn",
            release.created_at,
        )
        for release in rows.defer("metadata").order_by("-pk")[:_SHOWN]
    ]
    return Card(
        "Recent releases",
        lines=lines,
        empty="Nothing has been published yet. Make a token with the right to upload, and give it to twine or uv.",
        link_label="All releases" if lines else "",
        link_url=marks.list_url(Release),
    )
