"""Sign-ins in the audit log, and failed ones counted for the name from its place and for the place, in the database."""

from __future__ import annotations

import logging

from django.conf import settings
from django.db import DatabaseError, transaction

from accounts.domain.actors import Actor
from accounts.models import AuditEntry, User
from accounts.services import attempts, audit
from tpi_site.kit.errors import Throttled

log = logging.getLogger(__name__)

_NAMES_OF_A_PLACE = 10
"""As many times the failures of one name may come from a place for any."""


def require_within(name: str, place: str) -> None:
    """Refuse unseen, a right password too, after too many failures from there; the same for every name."""
    limits = _limits(name, place)
    counts = attempts.count(limits)
    if any(counts[counter] >= limit for counter, limit in limits.items()):
        raise Throttled(
            "Too many failed sign-ins from here; wait some minutes and check the stored password.",
            retry_after=settings.TPI_SIGN_IN_WINDOW,
            code="sign-in-throttled",
        )


def count_failure(name: str, place: str) -> None:
    """One more."""
    for counter in _limits(name, place):
        attempts.add(counter, settings.TPI_SIGN_IN_WINDOW)


def write_down(user: User | None, address: str, code: str) -> None:
    """Into the audit log; a name that nobody has is not written, it may be a password in the wrong field."""
    name = user.username if user else "(no such account)"
    audit.record(
        actor=Actor(username=name, address=address),
        action="sign-in",
        object_type="user",
        object_name=name,
        outcome=AuditEntry.Outcome.REFUSED,
        code=code,
    )


def note_program(*, actor: Actor, user: User) -> None:
    """Write that a program signed in by a password; an installer goes on where it cannot be written."""
    try:
        with transaction.atomic():
            audit.record(actor=actor, action="sign-in", subject=user)
    except DatabaseError:
        log.warning("The sign-in of a program could not be written to the audit log.")


def _limits(name: str, place: str) -> dict[str, int]:
    """The names of the counters of failures, with the limit of each."""
    limit = settings.TPI_SIGN_IN_FAILURES
    return {f"sign-in:{name}@{place}": limit, f"sign-in:*@{place}": limit * _NAMES_OF_A_PLACE}
