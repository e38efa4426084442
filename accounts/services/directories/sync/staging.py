"""What a sync has read so far, kept in rows: who is in which mapped group, and who is there at all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from accounts.domain.directory_entries import DirectoryEntry
from accounts.models import DirectorySync, GroupMapping, SyncedMember, User

_BATCH = 500


def digest(text: str) -> str:
    """The hex SHA-256 by which rows name an entry."""
    return hashlib.sha256(text.encode()).hexdigest()


def by_key(key: str) -> str:
    """How a person who is there is named in the rows."""
    return digest(f"key:{key}")


def names(dn: str, username: str) -> tuple[str, str]:
    """How members of groups are named in the rows: by DN, and by the bare name that posix groups list."""
    from accounts.clients.ldap_groups import normal_dn

    return digest(normal_dn(dn)), digest(f"uid:{username}")


def note_members(sync: DirectorySync, mappings: list[GroupMapping], members: Iterable[str]) -> None:
    """These (normalised names) are in the group of the mappings."""
    digests = [digest(name) for name in members]
    for begin in range(0, len(digests), _BATCH):
        rows = [
            SyncedMember(sync=sync, entry=entry, mapping=mapping)
            for entry in digests[begin : begin + _BATCH]
            for mapping in mappings
        ]
        SyncedMember.objects.bulk_create(rows, ignore_conflicts=True)


def note_people(sync: DirectorySync, entries: Iterable[DirectoryEntry]) -> None:
    """These are there and not locked out."""
    rows = [SyncedMember(sync=sync, entry=by_key(entry.key)) for entry in entries]
    SyncedMember.objects.bulk_create(rows, ignore_conflicts=True)


def mappings_of(
    sync: DirectorySync, people: Iterable[tuple[str, str]], known: dict[int, GroupMapping]
) -> dict[tuple[str, str], list[GroupMapping]]:
    """By (dn, user name) the mappings whose groups each is in; one query."""
    wanted = {person: names(*person) for person in people}
    entries = {entry for pair in wanted.values() for entry in pair}
    found: dict[str, list[GroupMapping]] = {}
    rows = SyncedMember.objects.filter(sync=sync, entry__in=entries, mapping__isnull=False)
    for entry, mapping in rows.values_list("entry", "mapping_id"):
        if mapping in known:
            found.setdefault(entry, []).append(known[mapping])
    return {person: [*found.get(pair[0], []), *found.get(pair[1], [])] for person, pair in wanted.items()}


def gone(sync: DirectorySync, users: list[User]) -> set[int]:
    """The keys of those of the accounts whose people were not seen; one query."""
    entries = {by_key(user.directory_key): user.pk for user in users}
    seen = SyncedMember.objects.filter(sync=sync, entry__in=entries, mapping__isnull=True)
    return set(entries.values()) - {entries[entry] for entry in seen.values_list("entry", flat=True)}


def clear(sync: DirectorySync) -> None:
    """Forget it all, some thousand rows at a time so that nobody waits long."""
    rows = SyncedMember.objects.filter(sync=sync)
    while keys := list(rows.values_list("pk", flat=True)[:5000]):
        SyncedMember.objects.filter(pk__in=keys).delete()
