"""The accounts of a directory's people: made, kept equal with their entries, ended and begun again.

Nobody acts here but the directory itself, so the actor is the product's own, named after it in the audit log.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.domain.actors import Actor, Method
from accounts.domain.directory_entries import DirectoryEntry
from accounts.domain.service_names import is_kept_for_programs
from accounts.models import (
    ADMINISTRATOR_BIT,
    Directory,
    DirectorySync,
    GroupMapping,
    Membership,
    User,
)
from accounts.services import alarms, audit, generations
from accounts.services.directories import places, taking_back
from accounts.services.directories.departures import acting, hold_for_ends
from accounts.services.directories.settings import BeingRemoved
from tpi_site.kit import locking
from tpi_site.kit.errors import Forbidden

_MIRRORED = ("email", "first_name", "last_name", "directory_dn")
_SEEN_EVERY = 600  # seconds; a sign-in does not write for less
_valid_name = UnicodeUsernameValidator()


@dataclass
class Outcome:
    """What was done about one person; ``did`` in words for a report."""

    user: User | None = None
    did: list[str] = field(default_factory=list)

    @property
    def is_changed(self) -> bool:
        """Whether anything was."""
        return bool(self.did)


class NameTaken(Forbidden):
    """Two people bear one name; who of them the account belongs to is not for the product to guess."""

    def __init__(self, directory: str, username: str) -> None:
        super().__init__(
            "Another account bears your name here; an administrator of the instance must decide whose it is.",
            code="directory-name-taken",
        )
        self._directory, self._username = directory, username

    def ring(self) -> None:
        """Tell the operators."""
        sentence = (
            f"The directory '{self._directory}' has a person '{self._username}', and another account bears that name; "
            "an administrator must rename or delete one of them."
        )
        alarms.ring("directory-name-taken", sentence, subject=f"{self._directory} {self._username}"[:200])


def admit(directory: Directory, entry: DirectoryEntry, mappings: list[GroupMapping]) -> User:
    """The account of a person who has just proved who they are, made or brought up to date.

    ``mappings`` are those whose groups the person is in.  Refuses who may not come in, in words for the person.
    """
    if directory.only_mapped and not mappings:
        raise Forbidden(
            f"None of your groups in the directory '{directory.name}' may use this index; ask a team admin.",
            code="directory-no-group",
        ).of(Actor(username=entry.username, method=Method.PASSWORD))
    try:
        return _admit(directory, entry, mappings)
    except NameTaken as refusal:  # told here, because the transaction in which it came up leaves nothing behind
        refusal.ring()
        raise


def _admit(directory: Directory, entry: DirectoryEntry, mappings: list[GroupMapping]) -> User:
    with transaction.atomic():
        known = find(directory, entry)
        if places.give_auditors(mappings) or (known is not None and _may_end_something(directory, known)):
            hold_for_ends()  # before the row is held, as everywhere
        outcome = Outcome(find(directory, entry, is_held=True))
        if outcome.user is None:
            outcome.user = _create(directory, entry, outcome)
        held = places.held([outcome.user.pk], directory).get(outcome.user.pk, {})
        mirror(directory, outcome.user, entry, outcome)
        fresh: list[Membership] = []
        places.give(directory, outcome.user, mappings, held, outcome.did, fresh)
        Membership.objects.bulk_create(fresh, ignore_conflicts=True)  # two sign-ins at once give the same
        places.take(directory, outcome.user, mappings, held, outcome.did)
        _tell_syncs(directory, outcome)
        if outcome.is_changed:
            generations.bump_access()
    return outcome.user


def _may_end_something(directory: Directory, user: User) -> bool:
    """Whether the person has something of the directory's with which more than a membership would end."""
    held = places.held([user.pk], directory).get(user.pk, {})
    return bool(user.directory_roles & ADMINISTRATOR_BIT) or places.looks_after(held.values())


def _tell_syncs(directory: Directory, outcome: Outcome) -> None:
    """Write down that the person was here where a sync that read the directory before would undo what is true now."""
    running = DirectorySync.objects.filter(directory=directory, state=DirectorySync.State.RUNNING)
    if outcome.user is not None and (outcome.is_changed or running.exists()):
        _save_seen(outcome.user, ["directory_seen_at"], timezone.now())


def find(directory: Directory, entry: DirectoryEntry, *, is_held: bool = False) -> User | None:
    """The account of the entry, whatever it is called now; its row is held where the transaction goes on to change it."""
    rows = User.objects.select_for_update(no_key=True) if is_held else User.objects.all()
    return rows.filter(directory=directory, directory_key=entry.key).first()


def make_accounts(directory: Directory, entries: list[DirectoryEntry], read_at: datetime) -> dict[str, Outcome]:
    """Accounts for a page of people who have none, in a few statements, by their keys in the directory.

    Whose name cannot be had is told and passed over.  ``read_at`` is when the sync began to read.
    """
    made, new = {}, []
    taken = _taken(entry.username for entry in entries)
    for entry in entries:
        outcome = made[entry.key] = Outcome()
        try:
            _require_name(directory, entry)
            if entry.username in taken:
                raise NameTaken(directory.name, entry.username)
        except Forbidden as refusal:
            outcome.did.append(f"passed over: {refusal.code}")
            if isinstance(refusal, NameTaken):
                refusal.ring()
            continue
        taken.add(entry.username)
        outcome.user = _new(directory, entry, read_at)
        new.append(outcome.user)
    User.objects.bulk_create(new, batch_size=500)
    for outcome in made.values():
        if outcome.user is not None:
            _note_made(directory, outcome.user, outcome)
    return made


def _taken(names: Iterable[str]) -> set[str]:
    """Which of the names accounts bear already, in lower case; one query."""
    rows = User.objects.alias(lower_name=Lower("username")).filter(lower_name__in=list(names))
    return {name.lower() for name in rows.values_list("username", flat=True)}


def hold(directory: Directory) -> None:
    """Let nobody else make accounts of the directory's people until the transaction ends; refuses a directory that goes."""
    locking.hold(f"directory-people:{directory.pk}")
    if not Directory.objects.filter(pk=directory.pk, removal=None).exists():
        raise BeingRemoved(directory.name)


def _create(directory: Directory, entry: DirectoryEntry, outcome: Outcome) -> User:
    _require_name(directory, entry)
    hold(directory)
    if (made_meanwhile := find(directory, entry)) is not None:
        return made_meanwhile
    if (had_before := taking_back.take_back(directory, [entry]).get(entry.key)) is not None:
        outcome.did.append("account taken back")
        return had_before
    _require_free(directory, entry)
    user = _new(directory, entry, timezone.now())
    user.save()
    _note_made(directory, user, outcome)
    return user


def _new(directory: Directory, entry: DirectoryEntry, seen_at: datetime) -> User:
    user = User(
        username=entry.username,
        email=entry.email,
        first_name=entry.first_name,
        last_name=entry.last_name,
        directory=directory,
        directory_key=entry.key,
        directory_dn=entry.dn[:500],
        directory_seen_at=seen_at,
    )
    user.set_unusable_password()
    return user


def _note_made(directory: Directory, user: User, outcome: Outcome) -> None:
    audit.record(actor=acting(directory), action="user.create", subject=user, directory=directory.name)
    outcome.did.append("account made")


def _require_name(directory: Directory, entry: DirectoryEntry) -> None:
    try:
        _valid_name(entry.username)
    except ValidationError:
        fits = False
    else:
        fits = 0 < len(entry.username) <= 150 and not is_kept_for_programs(entry.username)  # noqa: PLR2004  the row's length
    if not fits:
        raise Forbidden(
            f"The directory '{directory.name}' names you in a way that accounts here cannot have (letters, digits and "
            "@ . + - _ only, and not 'svc-' at the beginning); ask the directory's administrators.",
            code="directory-name",
        )


def _require_free(directory: Directory, entry: DirectoryEntry) -> None:
    """Refuse a name that another account bears: a local one, another directory's, or an earlier person's."""
    if not User.named(entry.username).exists():
        return
    raise NameTaken(directory.name, entry.username)


def mirror(
    directory: Directory, user: User, entry: DirectoryEntry, outcome: Outcome, *, read_at: datetime | None = None
) -> None:
    """Make the row equal to the entry; writes nothing where nothing differs and the person was seen lately.

    ``read_at`` is when a sync began to read; a sync writes nothing where nothing differs.
    """
    values = {
        "email": entry.email,
        "first_name": entry.first_name,
        "last_name": entry.last_name,
        "directory_dn": entry.dn[:500],
    }
    before: dict[str, object] = {name: getattr(user, name) for name in _MIRRORED if getattr(user, name) != values[name]}
    if user.username != entry.username and _may_be_called(directory, entry):
        before["username"], values["username"] = user.username, entry.username
    after: dict[str, object] = {name: values[name] for name in before}
    for name, value in after.items():
        setattr(user, name, value)
    fields = list(after)
    if user.ended_by == User.Ended.DIRECTORY and not entry.disabled:
        user.is_active, user.ended_by = True, User.Ended.NOT
        before["is_active"], after["is_active"] = False, True
        fields += ["is_active", "ended_by"]
    if after:
        outcome.did.append("changed: " + ", ".join(after))
        audit.record(actor=acting(directory), action="user.change", subject=user, before=before, after=after)
    now = timezone.now()
    seen = user.directory_seen_at
    is_old = read_at is None and (seen is None or (now - seen).total_seconds() > _SEEN_EVERY)
    if fields or is_old:
        _save_seen(user, [*fields, "directory_seen_at"], read_at or now)


def _save_seen(user: User, fields: list[str], moment: datetime) -> None:
    user.directory_seen_at = max(moment, user.directory_seen_at or moment)
    user.save(update_fields=fields)


def _may_be_called(directory: Directory, entry: DirectoryEntry) -> bool:
    """Whether a person who is called anew in the directory can have the name here too; else the old one is kept.

    Another directory's person may have the very same key.
    """
    try:
        _require_name(directory, entry)
    except Forbidden:
        return False
    return not User.named(entry.username).exclude(directory=directory, directory_key=entry.key).exists()
