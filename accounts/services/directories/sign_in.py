"""Asking the directories whether a name and a password belong together."""

from __future__ import annotations

import re
import time
from threading import BoundedSemaphore

from django.conf import settings

from accounts.clients.ldap_connection import DirectoryFault, require_library
from accounts.domain.directory_entries import DirectoryEntry
from accounts.domain.service_names import is_kept_for_programs
from accounts.models import Directory, GroupMapping, User
from accounts.services.directories import people, standing
from accounts.services.directories.settings import settings_of
from tpi_site.kit.errors import Throttled, Unavailable

_NAME = re.compile(r"[\w.@+ -]{1,150}\Z")
_PAUSE = 5.0  # seconds for which a directory that has just failed is not asked again
_failed: dict[int, float] = {}
_visits = BoundedSemaphore(max(2, settings.TPI_THREADS // 2))
"""Threads that may wait for directories; a slow one must not take all that serve."""


def any_enabled() -> bool:
    """Whether there is a directory to ask."""
    return Directory.objects.filter(enabled=True).exists()


def verify(username: str, password: str, known: User | None) -> User | None:
    """The account of the person, or None where no directory confirms the pair.

    An account that came from a directory is asked of that one alone; an unknown name of each, and the first that has the
    person decides; the name of a program of none.  Raises :class:`Unavailable` where a directory that might have said yes
    does not answer.
    """
    if not password or not _NAME.match(username) or (known is None and is_kept_for_programs(username)):
        return None
    fault: Unavailable | None = None
    for directory in _candidates(known):
        try:
            is_there, user = _ask(directory, username, password)
        except DirectoryFault:
            fault = _away(directory)
            continue
        if is_there:
            return user
    if fault is not None:
        raise fault
    return None


def _candidates(known: User | None) -> list[Directory]:
    rows = Directory.objects.filter(enabled=True)
    return list(rows.filter(people=known) if known is not None else rows)


def _ask(directory: Directory, username: str, password: str) -> tuple[bool, User | None]:
    """Whether the directory has the person, and the account if the password is right."""
    if _failed.get(directory.pk, 0) > time.monotonic():
        raise DirectoryFault("connect", directory.failure or "It did not answer a moment ago.")
    mappings = list(GroupMapping.objects.filter(directory=directory).select_related("team"))
    entry, is_verified, groups = _visit(directory, username, password, with_groups=bool(mappings))
    standing.note_answer(directory)
    if entry is None:
        return False, None
    if entry.disabled:
        _end_disabled(directory, entry)
        return True, None
    if not is_verified:
        return True, None
    return True, people.admit(directory, entry, _matching(mappings, groups))


def _visit(
    directory: Directory, username: str, password: str, *, with_groups: bool
) -> tuple[DirectoryEntry | None, bool, frozenset[str]]:
    require_library()
    from accounts.clients import ldap_sign_in

    if not _visits.acquire(blocking=False):
        raise Throttled(
            "Too many people are signing in; try again in some seconds.", retry_after=5, code="sign-in-busy"
        )
    try:
        seen = ldap_sign_in.visit(settings_of(directory), username, password, with_groups=with_groups)
    except DirectoryFault as fault:
        _failed[directory.pk] = time.monotonic() + _PAUSE
        standing.note_fault(directory, fault)
        raise
    finally:
        _visits.release()
    return seen.entry, seen.is_verified, seen.groups


def _matching(mappings: list[GroupMapping], groups: frozenset[str]) -> list[GroupMapping]:
    from accounts.clients.ldap_groups import normal_dn

    return [mapping for mapping in mappings if normal_dn(mapping.group_dn) in groups]


def _end_disabled(directory: Directory, entry: DirectoryEntry) -> None:
    """Somebody tried the name of a person whom the directory has locked out: it ends here without waiting for a sync."""
    user = people.find(directory, entry)
    if user is not None and user.is_active:
        people.end(actor=people.acting(directory), user=user, reason="Disabled in the directory.")


def _away(directory: Directory) -> Unavailable:
    return Unavailable(
        f"The directory '{directory.name}' that your password is checked by does not answer; try again in some minutes. "
        "API tokens work meanwhile.",
        code="directory-away",
    )


def forget_faults() -> None:
    """Ask every directory again."""
    _failed.clear()
