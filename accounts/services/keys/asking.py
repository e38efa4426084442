"""Asking for a rotation: the key is added when all nodes have it, and a job wraps everything anew."""

from __future__ import annotations

from accounts.domain.actors import Actor
from accounts.services.keys import rewrapping, ring
from accounts.services.keys.rights import require_administrator
from tpi_site.kit import queue
from tpi_site.kit.key_ring import key_ring

_JOB = "accounts.tasks.rewrap_keys"


def ask_rotation(*, actor: Actor) -> str:
    """Add a key, or make the coming one current, unless a rotation is unfinished; then put the wrapping on the queue.

    Answers the job's name.
    """
    require_administrator(actor)
    if key_ring().coming or not rewrapping.waiting():
        ring.add_key(actor=actor)
    return queue.enqueue(_JOB, actor.user_id, name="rotate keys")
