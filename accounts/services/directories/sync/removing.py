"""The last step of a sync: what the directory does not give any more is counted first, and taken if it is not too much."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import transaction

from accounts.models import DirectorySync, GroupMapping, User
from accounts.services import audit, generations
from accounts.services.directories import departures, people, places
from accounts.services.directories.sync import progress, staging
from accounts.services.directories.sync.staging import Given

_BATCH = 500
_FEW = 2
"""One or two never pause a sync: where few people are, each is a large part."""


@dataclass
class Count:
    """How much there is and how much of it would go."""

    people: int = 0
    people_gone: int = 0
    places: int = 0
    places_gone: int = 0
    parts: int = 0
    parts_gone: int = 0

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing to take."""
        return not (self.people_gone or self.places_gone or self.parts_gone)

    def is_too_much(self, percent: int) -> bool:
        """Whether more than ``percent`` of the people, of their places or of their parts for the instance would go."""
        counts = (
            (self.people_gone, self.people),
            (self.places_gone, self.places),
            (self.parts_gone, self.parts),
        )
        return any(_exceeds(gone, everything, percent) for gone, everything in counts)


def _exceeds(gone: int, everything: int, percent: int) -> bool:
    return gone > _FEW and gone * 100 > percent * everything


@dataclass(frozen=True)
class _Person:
    user: User
    is_gone: bool
    is_left_alone: bool
    """Whether the person has signed in since the sync began to read, and was made equal with the directory then; or
    their entry is there and could not be read."""
    mappings: list[GroupMapping]
    held: places.Held

    @property
    def surplus(self) -> tuple[list[places.HeldPlace], int]:
        """The places and the parts that would go."""
        return ([], 0) if self.is_left_alone else places.surplus(self.user, self.mappings, self.held)

    @property
    def loses(self) -> bool:
        """Whether there is anything to take."""
        return self.is_gone or any(self.surplus)


def count(sync: DirectorySync, given: Given) -> Count:
    """What would be removed; the report names it."""
    total = Count()
    for users in _batches(sync):
        for person in _people(sync, given, users):
            rows, parts = person.surplus
            total.people += person.user.is_active
            total.people_gone += person.is_gone
            total.places += len(person.held)
            total.places_gone += len(rows)
            total.parts += bool(person.user.directory_roles)
            total.parts_gone += bool(parts)
            progress.tell(sync, person.user.username, _words(person))
        progress.move(sync)
    return total


def _words(person: _Person) -> list[str]:
    rows, parts = person.surplus
    words = ["shut out"] if person.is_gone else []
    words += [row.loss for row in rows]
    return [*words, *(f"no longer {word} of the instance" for word in places.part_words(parts))]


def remove(sync: DirectorySync, given: Given) -> None:
    """Shut out who is gone and take places that no group gives."""
    for users in _batches(sync):
        losing = [person.user.pk for person in _people(sync, given, users) if person.loses]
        with transaction.atomic(), audit.together():
            if losing:
                departures.hold_for_ends()
                people.hold(sync.directory)
                _take_from(sync, given, losing)
            progress.move(sync, "removed", "memberships_removed")


def _take_from(sync: DirectorySync, given: Given, keys: list[int]) -> None:
    """Take it from those of them who still are to lose something, now that nobody can sign in meanwhile."""
    directory = sync.directory
    rows = User.objects.select_for_update(no_key=True).filter(directory=directory, pk__in=keys).order_by("pk")
    changed = False
    for person in _people(sync, given, list(rows)):
        if not person.loses:
            continue
        did: list[str] = []
        if person.is_gone:
            departures.shut_out(
                actor=departures.acting(directory),
                user=person.user,
                reason="Disabled, moved out or deleted in the directory.",
            )
            sync.removed += 1
        sync.memberships_removed += places.take(directory, person.user, person.mappings, person.held, did)
        changed |= person.is_gone or bool(did)
    if changed:
        generations.bump_access()  # last, because whoever signs in has their row when they come to it


def _batches(sync: DirectorySync) -> Iterator[list[User]]:
    """All accounts of the directory, some hundred at a time."""
    last = 0
    while True:
        users = list(User.objects.filter(directory=sync.directory, pk__gt=last).order_by("pk")[:_BATCH])
        if not users:
            return
        last = users[-1].pk
        yield users


def _people(sync: DirectorySync, given: Given, users: list[User]) -> list[_Person]:
    """What is known of each of them."""
    read_at = progress.read_at(sync)
    better = {user.pk for user in users if user.directory_seen_at is not None and user.directory_seen_at > read_at}
    alone = better | staging.unreadable(sync, users)
    gone = staging.gone(sync, users) - alone
    held = places.held([user.pk for user in users], sync.directory)
    named = (staging.Named(user.directory_key, user.directory_dn, user.username) for user in users)
    wanted = staging.mappings_of(sync, named, given)
    return [
        _Person(
            user,
            is_gone=user.pk in gone and user.is_active,
            is_left_alone=user.pk in alone,
            mappings=[] if user.pk in gone and user.is_active else wanted[user.directory_key],
            held=held.get(user.pk, {}),
        )
        for user in users
    ]
