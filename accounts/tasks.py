"""Jobs of the accounts app."""

from __future__ import annotations

from django.core.management import call_command

from accounts.domain.actors import Actor, Method, internal
from accounts.models import Directory, User
from accounts.services import attempts
from accounts.services.directories.sync import plan, run
from tpi_site.kit.errors import Refusal


def clear_sessions() -> None:
    """Remove expired browser sessions and counters of attempts."""
    call_command("clearsessions")
    attempts.purge()


def sync_directory(
    pk: int,
    accept_removals: bool = False,  # noqa: FBT001, FBT002  what a queue holds
    dry_run: bool = False,  # noqa: FBT001, FBT002  as above
    asked_by: int | None = None,
) -> str:
    """Sync a directory, or plan it, in the name of the account ``asked_by``; answers in a sentence what came of it.

    A refusal is an answer too: tried again later, as failed jobs are, it would surprise whoever has gone on since.
    """
    directory = Directory.objects.filter(pk=pk).first()
    actor = _asking(asked_by)
    if directory is None or actor is None:
        return "The directory, or the account that asked, is not there any more."
    try:
        if dry_run:
            return plan(actor=actor, directory=directory).sentence
        return run(actor=actor, directory=directory, accept_removals=accept_removals).sentence
    except Refusal as refusal:
        return refusal.detail


def _asking(pk: int | None) -> Actor | None:
    """The person as they are now, so that rights lost in the meantime are lost here too; the product for nobody."""
    if pk is None:
        return internal("directory sync")
    user = User.objects.filter(pk=pk, is_active=True).first()
    return user.actor(Method.INTERNAL) if user else None
