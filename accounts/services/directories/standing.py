"""Whether a directory answers, and for how long its people's tokens and sessions go on without it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from accounts.clients.ldap_connection import DirectoryFault, bound, encrypted, require_library
from accounts.models import Directory, User
from accounts.services import alarms, generations
from accounts.services.directories.settings import settings_of

_NOTED_EVERY = timedelta(minutes=1)
_ALARM = "directory-away"
LAPSED = "Your account's directory has been away for too long; sign in again when it answers."


def note_answer(directory: Directory) -> None:
    """The directory has just answered; written at most once a minute."""
    now = timezone.now()
    due = Q(last_ok_at=None) | Q(last_ok_at__lt=now - _NOTED_EVERY) | Q(failing_since__isnull=False)
    was_lapsed = has_lapsed(directory)
    rows = Directory.objects.filter(due, pk=directory.pk, enabled=True)  # one that is off stays as it was left
    if not rows.update(last_ok_at=now, failing_since=None, failure=""):
        return
    if directory.failing_since is not None:
        alarms.settle(_ALARM, subject=directory.name)
    directory.last_ok_at, directory.failing_since, directory.failure = now, None, ""
    if was_lapsed:
        generations.bump_access()


def note_fault(directory: Directory, fault: DirectoryFault) -> None:
    """The directory has not answered, or not so that it could be used."""
    now = timezone.now()
    sentence = f"{fault.step}: {fault.sentence}"[:500]
    rows = Directory.objects.filter(pk=directory.pk, enabled=True)
    if not rows.exists():  # switched off, so that nothing is wrong
        return
    rows.exclude(failing_since__isnull=False, failure=sentence).update(
        failing_since=F("failing_since") if directory.failing_since else now, failure=sentence
    )
    directory.failing_since, directory.failure = directory.failing_since or now, sentence
    alarms.ring(_ALARM, f"The directory '{directory.name}' fails. {fault.sentence}", subject=directory.name)


def ask(directory: Directory) -> None:
    """Ask the directory and note what comes of it: a bind where there is a bind account, else a connection."""
    settings_now = settings_of(directory)
    try:
        require_library()
        if settings_now.may_search:
            with bound(settings_now):
                pass
        else:
            encrypted(settings_now).unbind_s()
    except DirectoryFault as fault:
        note_fault(directory, fault)
        raise
    note_answer(directory)


def states() -> dict[str, str]:
    """Each directory that is in use, with 'ok' or what is wrong with it."""
    found = {}
    for directory in Directory.objects.filter(enabled=True):
        if directory.failing_since is not None:
            found[directory.name] = f"Failing since {directory.failing_since:%Y-%m-%d %H:%M} UTC. {directory.failure}"
        elif directory.paused_at is not None:
            found[directory.name] = "The sync is paused: it would remove too much."
        else:
            found[directory.name] = "ok"
    return found


def figures() -> dict[tuple[str, ...], float]:
    """For the metrics: 1 for a directory that answers, by its name."""
    rows = Directory.objects.filter(enabled=True).values_list("name", "failing_since")
    return {(name,): float(failing_since is None) for name, failing_since in rows}


def has_lapsed(directory: Directory) -> bool:
    """Whether the directory has been away for longer than its people's tokens and sessions may go on without it."""
    return has_been_away_too_long(directory.failing_since)


def has_been_away_too_long(failing_since: datetime | None) -> bool:
    """Whether a directory that has been failing since then vouches for nobody any more."""
    grace = timedelta(hours=settings.TPI_DIRECTORY_GRACE_HOURS)
    return failing_since is not None and timezone.now() - failing_since > grace


def stands(user: User) -> bool:
    """Whether the account's directory still vouches for it; a local account, and one whose directory answers, always."""
    if not user.is_active:
        return False
    return user.directory is None or (user.directory.removal_id is None and not has_lapsed(user.directory))
