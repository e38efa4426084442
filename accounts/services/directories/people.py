"""The accounts of a directory's people: made, kept equal with their entries, ended and begun again.

Nobody acts here but the directory itself, so the actor is the product's own, named after it in the audit log.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts.domain.actors import Actor, internal
from accounts.domain.directory_entries import DirectoryEntry
from accounts.models import Directory, GroupMapping, Token, User
from accounts.services import alarms, audit, generations, sessions, verified_passwords
from accounts.services.directories import places
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


def acting(directory: Directory) -> Actor:
    """The directory as the audit log names it."""
    return internal(f"directory {directory.name}")


def admit(directory: Directory, entry: DirectoryEntry, mappings: list[GroupMapping]) -> User:
    """The account of a person who has just proved who they are, made or brought up to date.

    ``mappings`` are those whose groups the person is in.  Refuses who may not come in, in words for the person.
    """
    if directory.only_mapped and not mappings:
        raise Forbidden(
            f"None of your groups in the directory '{directory.name}' may use this index; ask a team admin.",
            code="directory-no-group",
        )
    try:
        return _admit(directory, entry, mappings)
    except NameTaken as refusal:  # told here, because the transaction in which it came up leaves nothing behind
        refusal.ring()
        raise


def _admit(directory: Directory, entry: DirectoryEntry, mappings: list[GroupMapping]) -> User:
    with transaction.atomic():
        outcome = Outcome(find(directory, entry))
        if outcome.user is None:
            outcome.user = _create(directory, entry, outcome)
        _mirror(directory, outcome.user, entry, outcome)
        held = places.held([outcome.user.pk], directory).get(outcome.user.pk, {})
        places.give(directory, outcome.user, mappings, held, outcome.did)
        places.take(directory, outcome.user, mappings, held, outcome.did)
        if outcome.is_changed:
            generations.bump_access()
    return outcome.user


def find(directory: Directory, entry: DirectoryEntry) -> User | None:
    """The account of the entry, whatever it is called now."""
    return User.objects.filter(directory=directory, directory_key=entry.key).first()


def bring_in(directory: Directory, entry: DirectoryEntry, user: User | None, outcome: Outcome) -> None:
    """What a sync does about an entry: as :func:`admit`, but a name that cannot be had is told and passed over."""
    try:
        with transaction.atomic():
            outcome.user = user or _create(directory, entry, outcome)
    except Forbidden as refusal:
        outcome.did.append(f"passed over: {refusal.code}")
        if isinstance(refusal, NameTaken):
            refusal.ring()
        return
    _mirror(directory, outcome.user, entry, outcome)


def _create(directory: Directory, entry: DirectoryEntry, outcome: Outcome) -> User:
    _require_name(directory, entry)
    locking.hold(f"user:{entry.username}")
    if (made_meanwhile := find(directory, entry)) is not None:
        return made_meanwhile
    _require_free(directory, entry)
    user = User(
        username=entry.username,
        email=entry.email,
        first_name=entry.first_name,
        last_name=entry.last_name,
        directory=directory,
        directory_key=entry.key,
        directory_dn=entry.dn[:500],
        directory_seen_at=timezone.now(),
    )
    user.set_unusable_password()
    user.save()
    audit.record(actor=acting(directory), action="user.create", subject=user, directory=directory.name)
    outcome.did.append("account made")
    return user


def _require_name(directory: Directory, entry: DirectoryEntry) -> None:
    try:
        _valid_name(entry.username)
    except ValidationError:
        fits = False
    else:
        fits = 0 < len(entry.username) <= 150  # noqa: PLR2004  the row's length
    if not fits:
        raise Forbidden(
            f"The directory '{directory.name}' names you in a way that accounts here cannot have (letters, digits and "
            "@ . + - _ only); ask the directory's administrators.",
            code="directory-name",
        )


def _require_free(directory: Directory, entry: DirectoryEntry) -> None:
    """Refuse a name that another account bears: a local one, another directory's, or an earlier person's."""
    if not User.objects.filter(username__iexact=entry.username).exists():
        return
    raise NameTaken(directory.name, entry.username)


def _mirror(directory: Directory, user: User, entry: DirectoryEntry, outcome: Outcome) -> None:
    """Make the row equal to the entry; writes nothing where nothing differs and the person was seen lately."""
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
    _save_seen(user, fields)


def _save_seen(user: User, fields: list[str]) -> None:
    now = timezone.now()
    seen = user.directory_seen_at
    if fields or seen is None or (now - seen).total_seconds() > _SEEN_EVERY:
        user.directory_seen_at = now
        user.save(update_fields=[*fields, "directory_seen_at"])


def _may_be_called(directory: Directory, entry: DirectoryEntry) -> bool:
    """Whether a person who is called anew in the directory can have the name here too; else the old one is kept."""
    try:
        _require_name(directory, entry)
    except Forbidden:
        return False
    return not User.objects.filter(username__iexact=entry.username).exclude(directory_key=entry.key).exists()


def end(*, actor: Actor, user: User, reason: str) -> None:
    """Shut a person out: the account, its sessions and its tokens end at once; what they own stays in their name."""
    with transaction.atomic():
        user.is_active, user.ended_by = False, User.Ended.DIRECTORY
        user.save(update_fields=["is_active", "ended_by"])
        ended = Token.objects.filter(user=user, revoked_at=None).update(revoked_at=timezone.now())
        sessions.close(user)
        verified_passwords.forget(user)
        audit.record(actor=actor, action="user.end", subject=user, reason=reason, tokens_revoked=ended)
        generations.bump_access()


def end_all(*, actor: Actor, directory: Directory) -> None:
    """Shut out everybody who came through a directory that goes."""
    for user in User.objects.filter(directory=directory, is_active=True).iterator(chunk_size=500):
        end(actor=actor, user=user, reason=f"The directory '{directory.name}' was removed.")
