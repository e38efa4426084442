"""Names of things that somebody may not see: one answer for all that fail, written down and limited in number.

Names of teams and accounts are unique for the whole installation, so whoever makes one or names one in a role could ask
after those of others.  Success tells that much and leaves its own record; everything else tells nothing.
"""

from __future__ import annotations

from django.db import models

from accounts.domain.actors import Actor
from accounts.models import AuditEntry
from accounts.services import attempts, audit
from tpi_site.kit.errors import Invalid, Throttled

MOST = 30
"""Names that may fail in :data:`WINDOW` for one account."""
WINDOW = 3600  # seconds


def require_patience(actor: Actor) -> None:
    """Refuse, whatever the name, who has tried too many that failed; ask before the name is looked at."""
    if actor.reads_everything or actor.user_id is None:
        return
    counter = _counter(actor)
    if attempts.count([counter])[counter] >= MOST:
        raise Throttled(
            "Too many names that cannot be had or found; wait an hour, or ask an administrator of the instance.",
            retry_after=WINDOW,
            code="names-throttled",
        )


def failed(
    actor: Actor, action: str, sentence: str, *, code: str, subject: models.Model | None = None, object_type: str = ""
) -> Invalid:
    """Count and write the attempt, without the name; gives the refusal to raise.

    Call it outside transactions, which would undo both.
    """
    attempts.add(_counter(actor), WINDOW)
    audit.record(
        actor=actor,
        action=action,
        subject=subject,
        object_type=object_type,
        object_name="" if subject else "(a name)",
        outcome=AuditEntry.Outcome.REFUSED,
        code=code,
    )
    return Invalid(sentence, code=code)


def taken(actor: Actor, action: str, *, object_type: str) -> Invalid:
    """:func:`failed` for a new name that something has which ``actor`` may not see."""
    return failed(
        actor,
        action,
        "This name cannot be had; choose another one.",
        code="name-unavailable",
        object_type=object_type,
    )


def _counter(actor: Actor) -> str:
    return f"unseen-names:{actor.user_id}"
