"""What a sync has read so far, kept in rows: who is directly in which group, and who is there at all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from accounts.domain.directory_entries import DirectoryEntry
from accounts.models import DirectorySync, GroupMapping, SyncedMember, User

_BATCH = 1000
Given = Mapping[int, list[GroupMapping]]
"""By a group's number in the sync the mappings that its direct members hold, those of the groups above it included."""


def digest(text: str) -> str:
    """The hex SHA-256 by which rows name an entry."""
    return hashlib.sha256(text.encode()).hexdigest()


def by_key(key: str) -> str:
    """How a person who is there is named in the rows."""
    return digest(f"key:{key}")


def note_members(sync: DirectorySync, group: int, members: Iterable[str]) -> None:
    """These (normalised names) are directly in the group of that number."""
    rows = [SyncedMember(sync=sync, entry=digest(name), group=group) for name in members]
    SyncedMember.objects.bulk_create(rows, batch_size=_BATCH, ignore_conflicts=True)


def note_people(sync: DirectorySync, entries: Iterable[DirectoryEntry]) -> None:
    """These are there and not locked out."""
    rows = [SyncedMember(sync=sync, entry=by_key(entry.key)) for entry in entries]
    SyncedMember.objects.bulk_create(rows, ignore_conflicts=True)


def forget_members(sync: DirectorySync) -> None:
    """Begin to read the groups anew."""
    _delete(sync, groups=True)


def forget_people(sync: DirectorySync) -> None:
    """Begin to read the people anew."""
    _delete(sync, groups=False)


def clear(sync: DirectorySync) -> None:
    """Forget it all."""
    forget_members(sync)
    forget_people(sync)


def _delete(sync: DirectorySync, *, groups: bool) -> None:
    """Some thousand rows at a time, so that nobody waits long."""
    rows = SyncedMember.objects.filter(sync=sync, group__isnull=not groups)
    while keys := list(rows.values_list("pk", flat=True)[:5000]):
        SyncedMember.objects.filter(pk__in=keys).delete()


def mappings_of(
    sync: DirectorySync, people: Iterable[tuple[str, str]], given: Given
) -> dict[tuple[str, str], list[GroupMapping]]:
    """By (dn, user name) the mappings whose groups each is in; one query.

    People are named in groups by their DN, and in posix groups by their bare name.
    """
    from accounts.clients.ldap_groups import normal_dn

    names = {person: (digest(normal_dn(person[0])), digest(f"uid:{person[1]}")) for person in people}
    entries = {entry for pair in names.values() for entry in pair}
    found: dict[str, list[int]] = {}
    rows = SyncedMember.objects.filter(sync=sync, entry__in=entries, group__isnull=False)
    for entry, group in rows.values_list("entry", "group"):
        found.setdefault(entry, []).append(group or 0)
    return {
        person: [mapping for name in pair for group in found.get(name, ()) for mapping in given.get(group, ())]
        for person, pair in names.items()
    }


def gone(sync: DirectorySync, users: list[User]) -> set[int]:
    """The keys of those of the accounts whose people were not seen; one query."""
    entries = {by_key(user.directory_key): user.pk for user in users}
    seen = SyncedMember.objects.filter(sync=sync, entry__in=entries, group__isnull=True)
    return set(entries.values()) - {entries[entry] for entry in seen.values_list("entry", flat=True)}
