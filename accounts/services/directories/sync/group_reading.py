"""The first step of a sync: who is in the mapped groups, each group read once, however often it lies in others."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING

from django.db import transaction

from accounts.clients import ldap_groups
from accounts.domain.directory_settings import DirectorySettings
from accounts.models import DirectorySync, GroupMapping
from accounts.services import alarms
from accounts.services.directories.sync import progress, staging
from accounts.services.directories.sync.staging import Given

if TYPE_CHECKING:
    from ldap.ldapobject import LDAPObject

_READ = "gives"
"""In the sync's cursor: by a group's number the keys of the mappings that it gives; there once all groups are read."""
_OF = "of"
_FRESH = 900.0  # seconds
_MISSING = "directory-group-missing"


def read_groups(
    connection: LDAPObject, settings: DirectorySettings, sync: DirectorySync, known: dict[int, GroupMapping]
) -> Given:
    """Write down the members of all groups that matter, unless that was done shortly before an interruption."""
    if not _is_fresh(sync, known):
        staging.forget_members(sync)
        _tell_missing(connection, sync, known)
        read = _read_chains if settings.nesting == "chain" else _walk
        sync.cursor |= {progress.READ_AT: time.time(), _OF: sorted(known)}
        sync.cursor[_READ] = read(connection, settings, sync, list(known.values()))
        progress.move(sync, "cursor", "differences")
    gives = sync.cursor[_READ]
    return {int(group): [known[pk] for pk in keys if pk in known] for group, keys in gives.items()}


def _is_fresh(sync: DirectorySync, known: dict[int, GroupMapping]) -> bool:
    """Whether the groups were read lately and for the same mappings; older lists would take what was given since."""
    age = time.time() - float(sync.cursor.get(progress.READ_AT, 0))
    return _READ in sync.cursor and sync.cursor.get(_OF) == sorted(known) and age < _FRESH


def _tell_missing(connection: LDAPObject, sync: DirectorySync, known: dict[int, GroupMapping]) -> None:
    """A mapped group that is not there gives nobody anything, which a typing error looks like too."""
    gone = ldap_groups.missing(connection, sorted({mapping.group_dn for mapping in known.values()}))
    for group_dn in gone:
        progress.tell(sync, group_dn, ["this mapped group is not in the directory"])
    name = sync.directory.name
    if gone:
        listed = "; ".join(gone[:5])
        alarms.ring(_MISSING, f"Mapped groups are not in the directory '{name}': {listed}.", subject=name)
    else:
        alarms.settle(_MISSING, subject=name)


def _read_chains(
    connection: LDAPObject, settings: DirectorySettings, sync: DirectorySync, mappings: list[GroupMapping]
) -> dict[str, list[int]]:
    """Active Directory resolves groups in groups itself: each mapped group is a group of its own."""
    by_group: dict[str, list[int]] = defaultdict(list)
    for mapping in mappings:
        by_group[mapping.group_dn].append(mapping.pk)
    for number, group_dn in enumerate(by_group):
        for members in ldap_groups.chain_members(connection, settings, group_dn):
            _note(sync, number, members)
    return {str(number): keys for number, keys in enumerate(by_group.values())}


def _walk(
    connection: LDAPObject, settings: DirectorySettings, sync: DirectorySync, mappings: list[GroupMapping]
) -> dict[str, list[int]]:
    """Go from the mapped groups downwards; what a group gives goes down to all that lie in it, loops included."""
    groups = ldap_groups.group_names(connection, settings) if settings.nesting == "walk" else frozenset()
    gives: dict[str, set[int]] = defaultdict(set)
    for mapping in mappings:
        gives[ldap_groups.normal_dn(mapping.group_dn)].add(mapping.pk)
    below: dict[str, list[str]] = {}
    numbers: dict[str, int] = {}
    waiting = list(gives)
    while waiting:
        group = waiting.pop()
        if group in numbers:
            continue
        numbers[group] = len(numbers)
        members = ldap_groups.direct_members(connection, group)
        below[group] = [name for name in members if name in groups]
        _note(sync, numbers[group], [name for name in members if name not in groups])
        waiting += below[group]
    _hand_down(gives, below)
    return {str(number): sorted(gives[group]) for group, number in numbers.items()}


def _hand_down(gives: dict[str, set[int]], below: dict[str, list[str]]) -> None:
    """Give each group what the groups around it give, until nothing changes any more."""
    waiting = [group for group in below if gives[group]]
    while waiting:
        group = waiting.pop()
        for inner in below[group]:
            if not gives[group] <= gives[inner]:
                gives[inner] |= gives[group]
                waiting.append(inner)


def _note(sync: DirectorySync, number: int, members: list[str]) -> None:
    with transaction.atomic():
        staging.note_members(sync, number, members)
        progress.move(sync)
