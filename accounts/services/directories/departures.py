"""Shutting people of a directory out: one who has gone, or all of them when the directory itself goes."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Count

from accounts.domain.actors import Actor, internal
from accounts.models import BrowserSession, Directory, FormerDirectory, Membership, User, VerifiedPassword
from accounts.services import account_ends, audit, generations, last_administrator, token_lineage
from accounts.services.directories import places


def acting(directory: Directory) -> Actor:
    """The directory as the audit log names it."""
    return internal(f"directory {directory.name}")


def end(*, actor: Actor, user: User, reason: str) -> None:
    """Shut a person out: the account, its sessions and its tokens end at once; what they own stays in their name.

    The account of the last administrator loses its sessions and tokens and stays enabled, and an alarm tells so.
    """
    with transaction.atomic():
        hold_for_ends()
        shut_out(actor=actor, user=user, reason=reason)
        generations.bump_access()


def shut_out(*, actor: Actor, user: User, reason: str) -> None:
    """As :func:`end`, for one of many in a transaction.

    Call it with what :func:`hold_for_ends` takes and then all their rows held, in the order of their keys, and call
    :func:`accounts.services.generations.bump_access` after the last: a sign-in that has its own row waits for that.
    """
    ended = account_ends.end_credentials(user)
    if (stays := last_administrator.is_last(user)) and user.directory is not None:
        last_administrator.ring(user, user.directory)
    if not stays:
        user.is_active, user.ended_by = False, User.Ended.DIRECTORY
        user.save(update_fields=["is_active", "ended_by"])
    tokens = audit.listed("tokens_revoked", ended)
    audit.record(actor=actor, action="user.end", subject=user, reason=reason, stays_enabled=stays, **tokens)


def leave(users: list[User], directory: Directory, removal: FormerDirectory) -> None:
    """Shut out people of a directory that goes, in as many statements as for one, and keep what they were known by.

    Call it with their rows held, and before them what :func:`hold_for_ends` takes.
    """
    keys = [user.pk for user in users]
    tokens = token_lineage.end_lines_of(keys)
    BrowserSession.objects.filter(user__in=keys).delete()
    VerifiedPassword.objects.filter(user__in=keys).delete()
    for user in users:
        if user.directory_roles:
            places.take(directory, user, (), {}, [])
    given = Membership.objects.filter(user__in=keys, directory=directory).order_by()
    memberships = dict(given.values_list("user").annotate(Count("pk")))
    given.delete()
    User.objects.filter(pk__in=keys, is_active=True).update(is_active=False, ended_by=User.Ended.DIRECTORY)
    User.objects.filter(pk__in=keys).update(directory=None, former_directory=removal)
    for user in users:
        if user.is_active or user.pk in tokens or user.pk in memberships:
            audit.record(
                actor=acting(directory),
                action="user.end",
                subject=user,
                reason=f"The directory '{directory.name}' was removed.",
                memberships_ended=memberships.get(user.pk, 0),
                **audit.listed("tokens_revoked", tokens.get(user.pk, ())),
            )


def hold_for_ends() -> None:
    """Take the locks that ending accounts needs, in the order in which everybody takes them, before any row's."""
    last_administrator.hold()
    token_lineage.hold()
