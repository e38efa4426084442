"""Removing a directory: it is off at once and nobody of it is believed any more; a job sees to its people in batches.

The job finds its work by state: people who still belong to the directory are not seen to yet.  So it may be killed at any
point, be called again, and even run twice at the same time.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.domain.actors import Actor
from accounts.domain.directory_identity import identity_of
from accounts.models import Directory, DirectorySync, FormerDirectory, User
from accounts.services import alarms, audit, generations, last_administrator
from accounts.services.directories import departures, people, settings, switching
from accounts.services.directories.sync import progress, staging
from tpi_site.kit import locking, queue
from tpi_site.kit.errors import Conflict

_JOB = "accounts.tasks.remove_directory"
_BATCH = 500
_SYNCS = 200


def delete(*, actor: Actor, directory: Directory) -> str:
    """Begin to remove a directory: its people are shut out at once; answers the name of the job that does the rest.

    Accounts are disabled, their tokens revoked, what the directory's groups gave is ended; what people own stays in their
    names.
    """
    settings.require_may_configure(actor)
    settings.require_changed_here(actor, directory)
    with transaction.atomic():
        last_administrator.require_one_outside(directory)
        people.hold(directory)
        removal = _remember(directory)
        Directory.objects.filter(pk=directory.pk).update(removal=removal, enabled=False, bind_password="")
        audit.record(actor=actor, action="directory.delete", subject=directory, people=removal.people)
        generations.bump_access()
        job = queue.enqueue(_JOB, directory.pk, name=f"remove {directory.name}")
    directory.refresh_from_db()
    return job


def _remember(directory: Directory) -> FormerDirectory:
    known = identity_of(settings.settings_of(directory))
    return FormerDirectory.objects.create(
        name=directory.name,
        kind=known.kind,
        base=known.base,
        places=sorted(known.places),
        is_proved=known.is_proved,
        people=User.objects.filter(directory=directory).count(),
    )


def carry_on(directory: Directory) -> str:
    """Go on with a removal until it is over; answers in a sentence how it stands."""
    removal = directory.removal
    if removal is None:
        return f"The directory '{directory.name}' is not being removed."
    try:
        progress.require_none_under_way(directory)
    except Conflict as refusal:  # the sync finds out with its next page, and the next run of the job finds nobody alive
        return refusal.detail
    while _end_some(directory, removal):
        pass
    return _finish(directory, removal)


def _end_some(directory: Directory, removal: FormerDirectory) -> bool:
    """See to the next people; tells whether there were any."""
    with transaction.atomic(), audit.together():
        departures.hold_for_ends()
        _hold(directory)
        # Who signs in at this moment is waited for; keys stay free, which tokens being issued ask for.
        rows = User.objects.select_for_update(no_key=True).filter(directory=directory).order_by("pk")
        batch = list(rows[:_BATCH])
        if batch:
            departures.leave(batch, directory, removal)
            FormerDirectory.objects.filter(pk=removal.pk).update(ended=F("ended") + len(batch))
            generations.bump_access()
    return bool(batch)


def _finish(directory: Directory, removal: FormerDirectory) -> str:
    """Remove the row with what hangs on it; the syncs, which hold long reports, some at a time."""
    for sync in DirectorySync.objects.filter(directory=directory, state=DirectorySync.State.RUNNING).defer(
        "differences"
    ):
        staging.clear(sync)
    syncs = DirectorySync.objects.filter(directory=directory)
    while keys := list(syncs.values_list("pk", flat=True)[:_SYNCS]):
        DirectorySync.objects.filter(pk__in=keys).delete()
    with transaction.atomic():
        _hold(directory)
        if Directory.objects.filter(pk=directory.pk).delete()[0]:  # else another run of the job was faster
            FormerDirectory.objects.filter(pk=removal.pk).update(ended_at=timezone.now())
            audit.record(actor=departures.acting(directory), action="directory.removed", subject=directory)
            for code in switching.ALARMS:
                alarms.settle(code, subject=directory.name)
            generations.bump_access()
    return f"The directory '{directory.name}' is removed."


def _hold(directory: Directory) -> None:
    locking.hold(f"directory-removal:{directory.pk}")
