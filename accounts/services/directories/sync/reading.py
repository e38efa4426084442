"""The first two steps of a sync: who is in the mapped groups, and who is there; additions and changes are made here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from accounts.clients import ldap_entries, ldap_groups
from accounts.domain.directory_entries import DirectoryEntry
from accounts.domain.directory_settings import DirectorySettings
from accounts.models import Directory, DirectorySync, GroupMapping, SyncedMember, User
from accounts.services import generations
from accounts.services.directories import people, places
from accounts.services.directories.sync import progress, staging

if TYPE_CHECKING:
    from ldap.ldapobject import LDAPObject


def read_groups(
    connection: LDAPObject, settings: DirectorySettings, sync: DirectorySync, known: dict[int, GroupMapping]
) -> None:
    """Write down the members of each mapped group; goes on after the groups that were read before an interruption."""
    by_group: dict[str, list[GroupMapping]] = {}
    for mapping in known.values():
        by_group.setdefault(mapping.group_dn, []).append(mapping)
    for number, (group_dn, mappings) in enumerate(sorted(by_group.items()), 1):
        if number <= sync.cursor.get("groups", 0):
            continue
        for members in ldap_groups.members_of(connection, settings, group_dn):
            with transaction.atomic():
                staging.note_members(sync, mappings, members)
                progress.move(sync)
        sync.cursor["groups"] = number
        progress.move(sync, "cursor")


def read_people(
    connection: LDAPObject, settings: DirectorySettings, sync: DirectorySync, known: dict[int, GroupMapping]
) -> None:
    """Make the account of each person equal to the entry, and give what their groups give; nothing is taken yet."""
    SyncedMember.objects.filter(sync=sync, mapping=None).delete()
    for page in ldap_entries.people(connection, settings):
        with transaction.atomic():
            changed = _page(sync, page, known)
            if sync.dry_run:
                transaction.set_rollback(True)
            elif changed:
                generations.bump_access()
        with transaction.atomic():
            staging.note_people(sync, (entry for entry in page if not entry.disabled))
            progress.move(sync, "found", "added", "changed", "memberships_added", "differences")


def _page(sync: DirectorySync, page: list[DirectoryEntry], known: dict[int, GroupMapping]) -> bool:
    directory = sync.directory
    accounts = {
        user.directory_key: user
        for user in User.objects.filter(directory=directory, directory_key__in=[entry.key for entry in page])
    }
    held = places.held([user.pk for user in accounts.values()], directory)
    wanted = staging.mappings_of(sync, {(entry.dn, entry.username) for entry in page}, known)
    changed = False
    for entry in page:
        sync.found += 1
        user = accounts.get(entry.key)
        mappings = wanted[entry.dn, entry.username]
        if entry.disabled or (user is None and not mappings) or (user is not None and _is_banned(user)):
            continue
        changed |= _bring_in(sync, directory, entry, user, mappings, held)
    return changed


def _is_banned(user: User) -> bool:
    return not user.is_active and user.ended_by != User.Ended.DIRECTORY


def _bring_in(
    sync: DirectorySync,
    directory: Directory,
    entry: DirectoryEntry,
    user: User | None,
    mappings: list[GroupMapping],
    held: dict[int, places.Held],
) -> bool:
    outcome = people.Outcome()
    if user is not None:
        user.directory_seen_at = timezone.now()  # so that a person of whom nothing changed costs no write
    people.bring_in(directory, entry, user, outcome)
    if outcome.user is not None:
        sync.added += user is None
        sync.changed += user is not None and outcome.is_changed
        given = places.give(directory, outcome.user, mappings, held.get(outcome.user.pk, {}), outcome.did)
        sync.memberships_added += given
    progress.tell(sync, entry.username, outcome.did)
    return outcome.is_changed


def known_mappings(directory: Directory) -> dict[int, GroupMapping]:
    """The mappings of the directory by their keys."""
    return {mapping.pk: mapping for mapping in GroupMapping.objects.filter(directory=directory).select_related("team")}
