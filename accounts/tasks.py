"""Jobs of the accounts app."""

from __future__ import annotations

import logging

from django.core.management import CommandError, call_command

from accounts.clients.ldap_connection import DirectoryFault
from accounts.domain.actors import Actor, Method, internal
from accounts.models import Directory, User
from accounts.services import (
    attempts,
    audit_chain,
    audit_checkpoints,
    audit_delivery,
    sessions,
    token_upkeep,
    verified_passwords,
)
from accounts.services.directories import removal, standing, sync
from accounts.services.keys import rewrapping
from accounts.services.keys import standing as standing_of_keys
from tpi_site.kit import locking
from tpi_site.kit.errors import Refusal
from tpi_site.kit.pending_migrations import pending
from tpi_site.kit.read_only import housekeeping, pauses

log = logging.getLogger(__name__)


def rewrap_keys(asked_by: int | None) -> str:
    """Finish a rotation that somebody asked for, with the rights that they have now."""
    actor = _asking(asked_by)
    if actor is None:
        return "The account that asked is not there any more."
    try:
        outcome = rewrapping.rewrap_all(actor=actor)
    except Refusal as refusal:
        return refusal.detail
    return f"{outcome.rewrapped} texts are wrapped anew; {outcome.unopenable} open with no key of the ring."


def watch_key_source() -> str:
    """Ring an alarm while what wraps the keys of the ring does not answer; returns what is wrong."""
    return standing_of_keys.watch()


@housekeeping
def clear_sessions() -> None:
    """Remove expired browser sessions and counters of attempts."""
    call_command("clearsessions")
    sessions.purge()
    attempts.purge()
    verified_passwords.purge()


@pauses
def sync_directories() -> None:
    """Make accounts and places equal with every directory that can be read; one that fails keeps no other from it."""
    for directory in Directory.objects.filter(enabled=True, paused_at=None).exclude(bind_dn=""):
        try:
            done = sync.run(actor=internal("sync"), directory=directory)
        except Refusal as refusal:
            log.warning("The directory '%s' was not synced: %s", directory.name, refusal.detail)
        else:
            log.info("The directory '%s': %s", directory.name, done.sentence)


def ask_directories() -> None:
    """Note which directories answer, so that an outage is seen before somebody cannot sign in."""
    for directory in Directory.objects.filter(enabled=True):
        try:
            standing.ask(directory)
        except DirectoryFault as fault:
            log.warning("The directory '%s' does not answer: %s", directory.name, fault.sentence)


@pauses
def remove_directory(pk: int) -> str:
    """Go on with the removal of a directory; answers in a sentence how it stands."""
    directory = Directory.objects.select_related("removal").filter(pk=pk).first()
    return removal.carry_on(directory) if directory is not None else "The directory is removed."


@pauses
def remove_directories() -> None:
    """Go on with every removal whose own job was killed or had to wait."""
    for directory in Directory.objects.filter(removal__isnull=False).select_related("removal"):
        log.info("%s", removal.carry_on(directory))


@pauses
def purge_tokens() -> None:
    """Forget short-lived tokens that ended more than a day ago."""
    token_upkeep.purge_short_lived()


@pauses
def finish_upgrade() -> str:
    """Apply the migrations that take something away, which a node's start left out while older nodes served."""
    with locking.alone("prepare"):
        found = pending()
        if found.required or not found.late:
            return "There is nothing to do."
        try:
            call_command("migrate", interactive=False, verbosity=0)
        except CommandError as error:
            return str(error)
    return f"Applied: {', '.join(str(migration) for migration in found.late)}."


def chain_audit() -> None:
    """Chain what no web process has chained: entries of jobs and commands, and of processes that were killed."""
    audit_chain.link_all()


def sign_audit_checkpoint() -> None:
    """Sign the end of the audit chain if it has grown."""
    audit_checkpoints.checkpoint()


def deliver_audit() -> None:
    """Give the sinks of the audit log what they lack."""
    audit_delivery.deliver_all()


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
            return sync.plan(actor=actor, directory=directory).sentence
        return sync.run(actor=actor, directory=directory, accept_removals=accept_removals).sentence
    except Refusal as refusal:
        return refusal.detail


def _asking(pk: int | None) -> Actor | None:
    """The person as they are now, so that rights lost in the meantime are lost here too; the product for nobody."""
    if pk is None:
        return internal("directory sync")
    user = User.objects.filter(pk=pk, is_active=True).first()
    return user.actor(Method.INTERNAL) if user else None
