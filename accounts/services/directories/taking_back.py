"""Accounts that a removed directory left behind, and the same directory when it comes back.

A lasting key is the word of whoever runs the server, so it counts only from the server that it came from: see
:mod:`accounts.domain.directory_identity`.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX

from accounts.domain.actors import internal
from accounts.domain.directory_entries import DirectoryEntry
from accounts.domain.directory_identity import DirectoryIdentity, identity_of
from accounts.models import Directory, FormerDirectory, User
from accounts.services import audit
from accounts.services.directories.settings import settings_of


def take_back(directory: Directory, entries: Iterable[DirectoryEntry]) -> dict[str, User]:
    """The accounts that these people had before the directory was removed, now the directory's again, by their keys.

    Not those that have a password here by now.  They are as disabled as they were; whoever calls, in a transaction that
    lets nobody else make accounts of the directory's people, brings them up to date.
    """
    former = _same(directory)
    if not former:
        return {}
    rows = User.objects.select_for_update(no_key=True).filter(
        former_directory__in=former,
        directory_key__in=[entry.key for entry in entries],
        password__startswith=UNUSABLE_PASSWORD_PREFIX,
        kind=User.Kind.PERSON,
    )
    found = {user.directory_key: user for user in rows.order_by("former_directory")}  # the last removal's, if many
    users = found.values()
    User.objects.filter(pk__in=[user.pk for user in users]).update(directory=directory, former_directory=None)
    for user in users:
        was_of = former[user.former_directory_id or 0]
        user.directory, user.former_directory = directory, None
        audit.record(
            actor=internal(f"directory {directory.name}"),
            action="user.take-back",
            subject=user,
            before={"directory": None},
            after={"directory": directory.name},
            removed=f"{was_of.name} {was_of.began_at.isoformat()}",
        )
    return found


def _same(directory: Directory) -> dict[int, FormerDirectory]:
    """The removed directories that this one is, by their keys."""
    present = identity_of(settings_of(directory))
    rows = FormerDirectory.objects.filter(kind=present.kind, base=present.base)
    return {row.pk: row for row in rows if present.is_same(_identity(row))}


def _identity(row: FormerDirectory) -> DirectoryIdentity:
    return DirectoryIdentity(row.kind, row.base, frozenset(row.places), row.is_proved)
