"""The record of browser sessions."""

from __future__ import annotations

from accounts.domain.actors import Actor
from accounts.models import User
from accounts.services import audit


def note_sign_in(*, actor: Actor, user: User) -> None:
    """Write that somebody signed in; refused attempts are written by :mod:`.passwords`."""
    audit.record(actor=actor, action="sign-in", subject=user)


def note_sign_out(*, actor: Actor) -> None:
    """Write that somebody signed out."""
    audit.record(actor=actor, action="sign-out", object_type="user", object_name=actor.username)
