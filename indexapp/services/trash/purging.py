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
from indexapp.services import changes, quotas
from indexapp.services.trash import rights
from indexapp.services.trash.restoring import locked
from tpi_site.kit.errors import Invalid, NotFound


def purge(*, actor: Actor, entry: Trashed, typed: str) -> None:
    """Remove it for good; ``typed`` must be its name, so that it is not done by a slip.

    With a project goes what of it was deleted before it.  The names of files stay refused, that of a project is free.
    """
    rights.require(actor, entry)
    if typed != str(entry):
        raise Invalid(f"Give the name '{entry}' to purge it.", code="name-not-typed")
    with transaction.atomic():
        project = Project.objects.select_for_update().filter(pk=entry.project_key).first()
        entry = locked(entry)
        index = entry.index
        found = Trashed.objects.filter(pk=entry.pk)
        if entry.kind == Trashed.Kind.PROJECT:
            found = Trashed.objects.filter(project_key=entry.project_key)
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


def purge_due(*, actor: Actor) -> int:
    """Purge what has lain for its days; each by itself, so that a run which is killed has done what it has done."""
    until, purged = timezone.now() - timedelta(days=settings.TPI_TRASH_DAYS), 0
    while entry := Trashed.objects.select_related("index").filter(deleted_at__lt=until).order_by("deleted_at").first():
        try:
            purge(actor=actor, entry=entry, typed=str(entry))
        except NotFound:  # somebody was quicker
            continue
        purged += 1
    return purged
