"""Asking for a rotation: the key is added at once, and a job wraps everything anew."""

from __future__ import annotations

from accounts.domain.actors import Actor
from accounts.services.keys import rewrapping, ring
from accounts.services.keys.rights import require_administrator
from tpi_site.kit import queue

_JOB = "accounts.tasks.rewrap_keys"


def ask_rotation(*, actor: Actor) -> str:
    """Add a key, unless a rotation is unfinished, and put the wrapping on the queue; answers the job's name."""
    require_administrator(actor)
    if not rewrapping.waiting():
        ring.add_key(actor=actor)
    return queue.enqueue(_JOB, actor.user_id, name="rotate keys")
