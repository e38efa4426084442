"""What a sync has read so far, kept in rows: who is directly in which group, and who is there at all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from django.db.models import Q

from accounts.domain.directory_entries import DirectoryEntry
from accounts.models import DirectorySync, GroupMapping, SyncedMember, User

_BATCH = 1000
_UNREADABLE = "odd:"
"""Begins what names a person of whose entry nothing could be made."""
_KEYED = "key:"
"""Begins what names a person whose groups are found by the lasting key."""
Given = Mapping[int, list[GroupMapping]]
"""By a group's number in the sync the mappings that its direct members hold, those of the groups above it included."""


class Named(NamedTuple):
    """A person as a row or an entry has them."""

    key: str
    dn: str
    username: str


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


def note_unreadable(sync: DirectorySync, keys: Iterable[str]) -> None:
    """Of the entries of these, named by the lasting keys of their accounts, nothing could be made."""
    rows = [SyncedMember(sync=sync, entry=_marked(_UNREADABLE, key)) for key in keys]
    SyncedMember.objects.bulk_create(rows, ignore_conflicts=True)


def note_otherwise_named(sync: DirectorySync, people: list[Named]) -> None:
    """Find the groups of these by their lasting keys from now on, since their rows do not bear the names of their entries.

    So it is where a DN is longer than a row has room for, where a name could not be had here, and where a dry run
    has changed nothing.
    """
    keys: dict[str, list[str]] = {}
    for person in people:
        for name in _names(person):
            keys.setdefault(name, []).append(person.key)
    rows = [SyncedMember(sync=sync, entry=_keyed(person.key)) for person in people]
    members = SyncedMember.objects.filter(sync=sync, entry__in=keys, group__isnull=False)
    for entry, group in members.values_list("entry", "group"):
        rows += [SyncedMember(sync=sync, entry=_keyed(key), group=group) for key in keys[entry]]
    SyncedMember.objects.bulk_create(rows, batch_size=_BATCH, ignore_conflicts=True)


def forget_members(sync: DirectorySync) -> None:
    """Begin to read the groups anew."""
    _delete(sync, Q(group__isnull=False))


def forget_people(sync: DirectorySync) -> None:
    """Begin to read the people anew."""
    _delete(sync, Q(group__isnull=True) | Q(entry__startswith=_KEYED))


def clear(sync: DirectorySync) -> None:
    """Forget it all."""
    forget_members(sync)
    forget_people(sync)


def _delete(sync: DirectorySync, which: Q) -> None:
    """Some thousand rows at a time, so that nobody waits long."""
    rows = SyncedMember.objects.filter(which, sync=sync)
    while keys := list(rows.values_list("pk", flat=True)[:5000]):
        SyncedMember.objects.filter(pk__in=keys).delete()


def mappings_of(sync: DirectorySync, people: Iterable[Named], given: Given) -> dict[str, list[GroupMapping]]:
    """By the lasting key the mappings whose groups each is in; one query.

    People are named in groups by their DN, and in posix groups by their bare name; those of
    :func:`note_otherwise_named` are found by their key alone.
    """
    names = {person.key: (_keyed(person.key), _names(person)) for person in people}
    asked = {entry for keyed, pair in names.values() for entry in (keyed, *pair)}
    found: dict[str, list[int]] = {}
    for entry, group in SyncedMember.objects.filter(sync=sync, entry__in=asked).values_list("entry", "group"):
        groups = found.setdefault(entry, [])
        if group is not None:
            groups.append(group)
    return {
        key: [
            mapping
            for name in ((keyed,) if keyed in found else pair)
            for group in found.get(name, ())
            for mapping in given.get(group, ())
        ]
        for key, (keyed, pair) in names.items()
    }


def _names(person: Named) -> tuple[str, str]:
    """By what the rows of groups name somebody."""
    from accounts.clients.ldap_groups import normal_dn

    return digest(normal_dn(person.dn)), digest(f"uid:{person.username}")


def _keyed(key: str) -> str:
    return _marked(_KEYED, key)


def _marked(mark: str, key: str) -> str:
    return mark + digest(key)[: 64 - len(mark)]


def gone(sync: DirectorySync, users: list[User]) -> set[int]:
    """The keys of those of the accounts whose people were not seen; one query."""
    entries = {by_key(user.directory_key): user.pk for user in users}
    seen = SyncedMember.objects.filter(sync=sync, entry__in=entries, group__isnull=True)
    return set(entries.values()) - {entries[entry] for entry in seen.values_list("entry", flat=True)}


def unreadable(sync: DirectorySync, users: list[User]) -> set[int]:
    """The keys of those of the accounts whose entries are there and could not be read; one query."""
    entries = {_marked(_UNREADABLE, user.directory_key): user.pk for user in users}
    seen = SyncedMember.objects.filter(sync=sync, entry__in=entries, group__isnull=True)
    return {entries[entry] for entry in seen.values_list("entry", flat=True)}
