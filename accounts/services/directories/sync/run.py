"""One sync from the beginning to the end."""

from __future__ import annotations

from django.utils import timezone

from accounts.clients.ldap_connection import DirectoryFault, bound, require_library
from accounts.domain.actors import Actor
from accounts.models import Directory, DirectorySync
from accounts.permissions import require_operator
from accounts.services import alarms, audit
from accounts.services.directories import standing
from accounts.services.directories.settings import BeingRemoved, require_kept, settings_of
from accounts.services.directories.sync import group_reading, progress, reading, removing
from accounts.services.directories.sync.staging import Given
from tpi_site.kit.errors import Conflict

_PAUSED = "directory-sync-paused"
_BROKEN = "directory-sync-broken"


def run(*, actor: Actor, directory: Directory, accept_removals: bool = False) -> DirectorySync:
    """Make accounts and places equal with the directory; goes on with a sync that was interrupted.

    With more removals than the directory's limit it takes nothing, pauses, and rings an alarm; it goes on when somebody
    has looked and calls it with ``accept_removals``.
    """
    require_may_sync(actor, directory)
    require_not_paused(directory, accept_removals=accept_removals)
    sync = progress.begin(directory, dry_run=False)
    audit.record(actor=actor, action="directory.sync", subject=directory, accept_removals=accept_removals)
    return _carried_out(sync, accept_removals=accept_removals)


def plan(*, actor: Actor, directory: Directory) -> DirectorySync:
    """What a sync would do, as a report; nothing is changed."""
    require_may_sync(actor, directory)
    return _carried_out(progress.begin(directory, dry_run=True), accept_removals=True)


def require_may_sync(actor: Actor, directory: Directory) -> None:
    """Refuse who may not start a sync, and a directory that cannot be read for one."""
    require_operator(actor, "sync directories")
    require_kept(directory)
    if not directory.bind_dn:
        raise Conflict(
            f"The directory '{directory.name}' has no bind account, and nobody else can read it for a sync; give it one.",
            code="sync-bind",
        )


def require_not_paused(directory: Directory, *, accept_removals: bool) -> None:
    """Refuse to go on where a sync has paused and nobody has accepted what it would remove."""
    if directory.paused_at is not None and not accept_removals:
        raise Conflict(
            f"The sync of '{directory.name}' is paused because it would remove too much; look at its report, then accept "
            "the removals or mend the directory.",
            code="sync-paused",
        )


def _carried_out(sync: DirectorySync, *, accept_removals: bool) -> DirectorySync:
    try:
        return _read_and_take(sync, accept_removals=accept_removals)
    except BeingRemoved as refusal:
        progress.end(sync, DirectorySync.State.FAILED, refusal.detail)
        return sync
    except Exception as error:
        sentence = (
            f"The sync of '{sync.directory.name}' broke off ({type(error).__name__}); it begins anew at the next time."
        )
        progress.end(sync, DirectorySync.State.FAILED, sentence)
        alarms.ring(_BROKEN, sentence, subject=sync.directory.name)
        raise


def _read_and_take(sync: DirectorySync, *, accept_removals: bool) -> DirectorySync:
    directory = sync.directory
    try:
        require_library()
        settings = settings_of(directory)
        with bound(settings) as connection:
            standing.note_answer(directory)
            given = group_reading.read_groups(connection, settings, sync, reading.known_mappings(sync))
            reading.read_people(connection, settings, sync, given)
    except DirectoryFault as fault:
        standing.note_fault(directory, fault)
        progress.end(sync, DirectorySync.State.FAILED, f"{fault.step}: {fault.sentence}")
        return sync
    _take(sync, given=given, accept_removals=accept_removals)
    return sync


def _take(sync: DirectorySync, *, given: Given, accept_removals: bool) -> None:
    total = removing.count(sync, given)
    if sync.dry_run:
        sync.removed, sync.memberships_removed = total.people_gone, total.places_gone
        progress.end(sync, DirectorySync.State.DONE, _sentence(sync))
    elif total.is_too_much(sync.directory.removal_limit) and not accept_removals:
        _pause(sync, total)
    else:
        if not total.is_nothing:
            removing.remove(sync, given)
        Directory.objects.filter(pk=sync.directory_id).update(paused_at=None)
        alarms.settle(_PAUSED, subject=sync.directory.name)
        alarms.settle(_BROKEN, subject=sync.directory.name)
        progress.end(sync, DirectorySync.State.DONE, _sentence(sync))


def _pause(sync: DirectorySync, total: removing.Count) -> None:
    directory = sync.directory
    sentence = (
        f"The sync of '{directory.name}' would shut out {total.people_gone} of {total.people} people and end "
        f"{total.places_gone} of {total.places} memberships, more than {directory.removal_limit} %; nothing was taken. "
        "Look at its report, then accept the removals or mend the directory."
    )
    directory.paused_at = timezone.now()
    Directory.objects.filter(pk=directory.pk).update(paused_at=directory.paused_at)
    progress.end(sync, DirectorySync.State.PAUSED, sentence)
    alarms.ring(_PAUSED, sentence, subject=directory.name)


def _sentence(sync: DirectorySync) -> str:
    odd = sync.cursor.get(progress.PASSED_OVER)
    return (
        f"{sync.found} people found; {sync.added} accounts made, {sync.changed} changed, {sync.removed} shut out; "
        f"{sync.memberships_added} memberships given, {sync.memberships_removed} ended."
    ) + (f" Passed over: {odd}, whose entries cannot be read." if odd else "")
