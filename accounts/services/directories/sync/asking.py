"""Asking for a sync: what can be refused is refused at once, the rest is a job's, for it takes minutes."""

from __future__ import annotations

from accounts.domain.actors import Actor
from accounts.models import Directory
from accounts.services.directories.sync import progress
from accounts.services.directories.sync.run import require_may_sync, require_not_paused
from tpi_site.kit import queue

_JOB = "accounts.tasks.sync_directory"


def ask_sync(*, actor: Actor, directory: Directory, accept_removals: bool = False) -> str:
    """Put a sync on the queue; answers the job's name.  The job asks for the person's rights again."""
    require_may_sync(actor, directory)
    require_not_paused(directory, accept_removals=accept_removals)
    progress.require_none_under_way(directory)
    name = f"sync {directory.name}"
    return queue.enqueue(_JOB, directory.pk, accept_removals, False, actor.user_id, name=name)


def ask_plan(*, actor: Actor, directory: Directory) -> str:
    """Put a dry run on the queue; answers the job's name."""
    require_may_sync(actor, directory)
    progress.require_none_under_way(directory)
    name = f"plan {directory.name}"
    return queue.enqueue(_JOB, directory.pk, False, True, actor.user_id, name=name)
