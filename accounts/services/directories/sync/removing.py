"""The last step of a sync: what the directory does not give any more is counted first, and taken if it is not too much."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import transaction

from accounts.models import DirectorySync, GroupMapping, Membership, User
from accounts.services import generations
from accounts.services.directories import people, places
from accounts.services.directories.sync import progress, staging

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

    def is_too_much(self, percent: int) -> bool:
        """Whether more than ``percent`` of the people or of their places would go."""
        return _exceeds(self.people_gone, self.people, percent) or _exceeds(self.places_gone, self.places, percent)


def _exceeds(gone: int, everything: int, percent: int) -> bool:
    return gone > _FEW and gone * 100 > percent * everything


@dataclass(frozen=True)
class _Person:
    user: User
    is_gone: bool
    mappings: list[GroupMapping]
    held: places.Held


def count(sync: DirectorySync, known: dict[int, GroupMapping]) -> Count:
    """What would be removed; the report names it."""
    total = Count()
    for batch in _batches(sync, known):
        for person in batch:
            rows, parts = places.surplus(person.user, person.mappings, person.held)
            total.people += person.user.is_active
            total.people_gone += person.is_gone
            total.places += len(person.held)
            total.places_gone += len(rows)
            progress.tell(sync, person.user.username, _words(person, rows, parts))
        progress.move(sync)
    return total


def _words(person: _Person, rows: list[Membership], parts: int) -> list[str]:
    words = ["shut out"] if person.is_gone else []
    words += [f"no longer in {row.team.name}" for row in rows]
    return [*words, "instance roles"] if parts else words


def remove(sync: DirectorySync, known: dict[int, GroupMapping]) -> None:
    """Shut out who is gone and take places that no group gives."""
    directory = sync.directory
    for batch in _batches(sync, known):
        with transaction.atomic():
            changed = False
            for person in batch:
                did: list[str] = []
                if person.is_gone:
                    people.end(
                        actor=people.acting(directory),
                        user=person.user,
                        reason="Disabled, moved out or deleted in the directory.",
                    )
                    sync.removed += 1
                sync.memberships_removed += places.take(directory, person.user, person.mappings, person.held, did)
                changed |= person.is_gone or bool(did)
            progress.move(sync, "removed", "memberships_removed")
            if changed:
                generations.bump_access()


def _batches(sync: DirectorySync, known: dict[int, GroupMapping]) -> Iterator[list[_Person]]:
    """All accounts of the directory, some hundred at a time."""
    last = 0
    while True:
        users = list(User.objects.filter(directory=sync.directory, pk__gt=last).order_by("pk")[:_BATCH])
        if not users:
            return
        last = users[-1].pk
        gone = staging.gone(sync, users)
        held = places.held([user.pk for user in users], sync.directory)
        wanted = staging.mappings_of(sync, {(user.directory_dn, user.username) for user in users}, known)
        yield [
            _Person(
                user,
                is_gone=user.pk in gone and user.is_active,
                mappings=[] if user.pk in gone and user.is_active else wanted[user.directory_dn, user.username],
                held=held.get(user.pk, {}),
            )
            for user in users
        ]
