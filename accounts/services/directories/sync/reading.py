"""The second step of a sync: who is there; additions and changes are made here, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q

from accounts.clients import ldap_entries
from accounts.domain.directory_entries import DirectoryEntry, UnreadableEntry
from accounts.domain.directory_settings import DirectorySettings
from accounts.models import DirectorySync, GroupMapping, Membership, User
from accounts.services import audit, generations
from accounts.services.directories import departures, people, places, taking_back
from accounts.services.directories.sync import progress, staging
from accounts.services.directories.sync.staging import Given, Named

if TYPE_CHECKING:
    from ldap.ldapobject import LDAPObject


def read_people(connection: LDAPObject, settings: DirectorySettings, sync: DirectorySync, given: Given) -> None:
    """Make the account of each person equal to the entry, and give what their groups give; nothing is taken yet."""
    staging.forget_people(sync)
    may_end_administering = any(places.give_auditors(mappings) for mappings in given.values())
    sync.cursor[progress.PASSED_OVER] = 0
    for found in ldap_entries.people(connection, settings):
        entries, odd = _told_apart(found)
        with transaction.atomic():
            if may_end_administering:
                departures.hold_for_ends()  # before the rows are held, as everywhere
            people.hold(sync.directory)
            changed = _Page(sync, entries, given).bring_in()
            if sync.dry_run:
                transaction.set_rollback(True)
            elif changed:
                generations.bump_access()
        with transaction.atomic():
            _pass_over(sync, odd)
            staging.note_people(sync, (entry for entry in entries if not entry.disabled))
            staging.note_otherwise_named(sync, _otherwise_named(sync, entries))
            progress.move(sync, "found", "added", "changed", "memberships_added", "differences", "cursor")


def _told_apart(
    found: list[DirectoryEntry | UnreadableEntry],
) -> tuple[list[DirectoryEntry], list[UnreadableEntry]]:
    """The people of a page, and what is none; of entries with one lasting key the first is the person."""
    people: dict[str, DirectoryEntry] = {}
    odd = []
    for entry in found:
        if isinstance(entry, UnreadableEntry):
            odd.append(entry)
        elif people.setdefault(entry.key, entry) is not entry:
            odd.append(UnreadableEntry(entry.dn, "has the lasting key of another entry", entry.key, entry.username))
    return list(people.values()), odd


def _pass_over(sync: DirectorySync, odd: list[UnreadableEntry]) -> None:
    """Tell of entries that cannot be read, and note whose they are, so that nothing is taken from these people.

    One without a name whom no account belongs to is no person that could sign in, and not worth a line.
    """
    if not odd:
        return
    by_key, by_dn = _accounts_of(sync, odd)
    known = set()
    for entry in odd:
        user = by_key.get(entry.key) if entry.key else by_dn.get(entry.dn[:500])
        if user is None and not entry.username:
            continue
        if user is not None:
            known.add(user.directory_key)
        sync.cursor[progress.PASSED_OVER] += 1
        name = entry.username if user is None else user.username
        progress.tell(sync, name, [f"passed over: the entry {entry.why}"])
    staging.note_unreadable(sync, known)


def _accounts_of(sync: DirectorySync, odd: list[UnreadableEntry]) -> tuple[dict[str, User], dict[str, User]]:
    """The accounts that such entries may belong to, by lasting key and, for entries without one, by DN; one query."""
    keys = [entry.key for entry in odd if entry.key]
    names = [entry.dn[:500] for entry in odd if not entry.key]
    found = list(User.objects.filter(Q(directory_key__in=keys) | Q(directory_dn__in=names), directory=sync.directory))
    return {user.directory_key: user for user in found}, {user.directory_dn: user for user in found}


def _otherwise_named(sync: DirectorySync, entries: list[DirectoryEntry]) -> list[Named]:
    """Those of the page whose account has another DN or name than the entry; one query."""
    named = {entry.key: _named(entry) for entry in entries}
    rows = User.objects.filter(directory=sync.directory, directory_key__in=named).order_by()
    known = {Named(*row) for row in rows.values_list("directory_key", "directory_dn", "username")}
    return [named[person.key] for person in known if person != named[person.key]]


def _named(entry: DirectoryEntry) -> Named:
    return Named(entry.key, entry.dn, entry.username)


class _Page:
    """Some hundred entries with all that is known of them here, in as many queries as for one."""

    def __init__(self, sync: DirectorySync, entries: list[DirectoryEntry], given: Given) -> None:
        self._sync, self._entries = sync, entries
        self._read_at = progress.read_at(sync)
        # Held, so that nothing is written over what somebody does here at this moment.
        rows = User.objects.select_for_update(no_key=True).filter(directory=sync.directory)
        accounts = rows.filter(directory_key__in=[entry.key for entry in entries]).order_by("pk")
        self._accounts = {user.directory_key: user for user in accounts}
        self._held = places.held([user.pk for user in self._accounts.values()], sync.directory)
        self._wanted = staging.mappings_of(sync, map(_named, entries), given)
        self._back: dict[str, User] = {}
        self._changed = False

    def bring_in(self) -> bool:
        """Do it all; tells whether anything changed."""
        memberships: list[Membership] = []
        with audit.together():
            new = [entry for entry in self._entries if self._is_new(entry)]
            self._take_back(new)
            made = people.make_accounts(
                self._sync.directory, [entry for entry in new if self._is_new(entry)], self._read_at
            )
            for entry in self._entries:
                self._sync.found += 1
                outcome = made.get(entry.key) or self._known(entry)
                if outcome is not None:
                    self._give(entry, outcome, is_new=entry.key in made, memberships=memberships)
            # Somebody who signs in at this moment is given the same.
            Membership.objects.bulk_create(memberships, batch_size=500, ignore_conflicts=True)
        return self._changed

    def _take_back(self, entries: list[DirectoryEntry]) -> None:
        """Find again whom the directory had before it was removed here."""
        self._back = taking_back.take_back(self._sync.directory, entries) if entries else {}
        self._accounts |= self._back

    def _is_new(self, entry: DirectoryEntry) -> bool:
        return not entry.disabled and entry.key not in self._accounts and bool(self._mappings(entry))

    def _mappings(self, entry: DirectoryEntry) -> list[GroupMapping]:
        return self._wanted[entry.key]

    def _known(self, entry: DirectoryEntry) -> people.Outcome | None:
        """What is to be done for somebody who has an account, unless an administrator has ended it."""
        user = self._accounts.get(entry.key)
        if user is None or entry.disabled or not (user.is_active or user.ended_by == User.Ended.DIRECTORY):
            return None
        outcome = people.Outcome(user, ["account taken back"] if entry.key in self._back else [])
        people.mirror(self._sync.directory, user, entry, outcome, read_at=self._read_at)
        return outcome

    def _give(
        self, entry: DirectoryEntry, outcome: people.Outcome, *, is_new: bool, memberships: list[Membership]
    ) -> None:
        sync = self._sync
        if outcome.user is not None:
            sync.added += is_new
            sync.changed += not is_new and outcome.is_changed
            held = self._held.get(outcome.user.pk, {})
            sync.memberships_added += places.give(
                sync.directory, outcome.user, self._mappings(entry), held, outcome.did, memberships
            )
        progress.tell(sync, entry.username, outcome.did)
        self._changed |= outcome.is_changed


def known_mappings(sync: DirectorySync) -> dict[int, GroupMapping]:
    """The mappings of the directory by their keys."""
    rows = GroupMapping.objects.filter(directory=sync.directory).select_related("team")
    return {mapping.pk: mapping for mapping in rows}
