"""What a project says of itself in lists: the summary of its latest release."""

from __future__ import annotations

from collections.abc import Collection

from indexapp.models import Project, Release
from indexapp.services import search

LATEST_FIRST = ("is_yanked", "is_prerelease", "-sort_key")
"""The order in which an installer would take a project's releases."""


def latest_release(project: Project, without: Collection[str] = ()) -> Release | None:
    """The release that an installer would take: not yanked first, then not a pre-release, then the highest version.

    It is none of the versions ``without``.
    """
    rows = Release.objects.shown().filter(project=project).order_by(*LATEST_FIRST)
    return (rows.exclude(version__in=without) if without else rows).first()


def refresh(project: Project) -> None:
    """Take the summary from the latest release; writes only when it differs."""
    shown = Release.objects.shown().filter(project=project)
    latest = shown.order_by(*LATEST_FIRST).values_list("summary").first()
    summary = latest[0] if latest else ""
    if project.summary != summary:
        project.summary = summary
        project.save(update_fields=["summary"])
        search.put(project)
