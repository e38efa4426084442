"""What goes for good, by a person or when its time is over; the bytes go with the next garbage collection."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from accounts.domain.actors import Actor
from accounts.services import audit
from indexapp.domain.change_kinds import ChangeKind
from indexapp.models import Project, Trashed
from indexapp.services import changes, projects, quotas
from indexapp.services.trash import rights
from indexapp.services.trash.restoring import locked
from tpi_site.kit.errors import Invalid, NotFound


def purge(*, actor: Actor, entry: Trashed, typed: str) -> None:
    """Remove it for good; ``typed`` must be its name, so that it is not done by a slip.

    With a project goes what of it was deleted before it.  The names of files stay refused, that of a project is free.
    What is quarantined, and what was deleted by a wider right, is not for the project's own people to purge.
    """
    rights.require(actor, entry)
    if typed != str(entry):
        raise Invalid(f"Give the name '{entry}' to purge it.", code="name-not-typed")
    with transaction.atomic():
        project = (
            Project.objects.select_for_update(of=("self",)).select_related("index").filter(pk=entry.project_key).first()
        )
        entry = locked(entry)
        _require_not_frozen(actor, entry, project)
        index = entry.index
        found = Trashed.objects.filter(pk=entry.pk)
        if entry.kind == Trashed.Kind.PROJECT:
            found = Trashed.objects.filter(project_key=entry.project_key)
        rights.require_as_wide_for_all(actor, found)
        sizes = found.order_by().values_list("team").annotate(Sum("size"))
        for team_id, size in sorted(sizes, key=lambda each: each[0] or 0):
            quotas.charge(index_id=index.pk, team_id=team_id, size=-size)
        audit.record(actor=actor, action="trash.purge", subject=entry, kind=entry.kind, files=entry.files_count)
        home = project or Project(index=index, normalized_name=entry.normalized_name)
        version, filename, kind = entry.version, entry.filename, entry.kind
        found.delete()
        changes.record(
            actor=actor,
            kind=ChangeKind.TRASH_PURGED,
            index=index,
            project=home,
            version=version,
            filename=filename,
            what=kind,
        )


def _require_not_frozen(actor: Actor, entry: Trashed, live: Project | None) -> None:
    """Refuse to destroy what is, or was when it was deleted, a quarantined project's, but to who administers the index."""
    project = live
    if project is None:
        whole = Trashed.objects.filter(project_key=entry.project_key, kind=Trashed.Kind.PROJECT).first()
        status = whole.project_row["status"] if whole else Project.Status.ACTIVE
        project = Project(index=entry.index, name=entry.project_name, status=status)
    projects.require_not_frozen(actor, project)


def purge_due(*, actor: Actor) -> int:
    """Purge what has lain for its days; each by itself, so that a run which is killed has done what it has done.

    What is quarantined stays until somebody has judged it and purges or restores it.
    """
    until, purged = timezone.now() - timedelta(days=settings.TPI_TRASH_DAYS), 0
    due = rights.not_frozen().select_related("index").filter(deleted_at__lt=until).order_by("deleted_at")
    while entry := due.all().first():
        try:
            purge(actor=actor, entry=entry, typed=str(entry))
        except NotFound:  # somebody was quicker
            continue
        purged += 1
    return purged
