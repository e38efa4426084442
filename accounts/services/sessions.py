"""Where people are signed in: how long a session lasts, who sees and ends it, and the record of it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from contextlib import suppress
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.domain.actors import Actor, Method
from accounts.models import AuditEntry, BrowserSession, User
from accounts.permissions import may_end_sessions
from accounts.services import audit, second_factors
from tpi_site.kit.errors import Forbidden

PROOF_LASTS = timedelta(minutes=15)
_USE_IS_NOTED_EVERY = timedelta(minutes=1)


def begin(*, user: User, address: str, browser: str) -> tuple[BrowserSession, str]:
    """A new session of a person who has proved who they are, and the secret by which it is found again."""
    secret, now = secrets.token_urlsafe(32), timezone.now()
    with transaction.atomic():
        row = BrowserSession.objects.create(
            user=user,
            key=_digest(secret),
            method=Method.PASSWORD.value,
            address=address[:64],
            browser=browser[:80],
            started_at=now,
            seen_at=now,
            proved_at=now,
        )
        if user.is_break_glass:
            second_factors.ring_for_break_glass(user, f"to sign in from {address or 'an unknown address'}")
    return row, secret


def find(*, user: User, secret: str) -> BrowserSession | None:
    """The person's session that has this secret and is within both limits; one query."""
    return second_factors.with_team_admins(live()).filter(user=user, key=_digest(secret)).first()


def live() -> QuerySet[BrowserSession]:
    """The sessions that are neither idle for too long nor too old."""
    idle, oldest = _limits()
    return BrowserSession.objects.filter(seen_at__gt=idle, started_at__gt=oldest)


def purge() -> int:
    """Remove the rows of sessions that are over; tells how many."""
    idle, oldest = _limits()
    return sum(
        BrowserSession.objects.filter(**over).delete()[0]
        for over in ({"seen_at__lte": idle}, {"started_at__lte": oldest})
    )


def _limits() -> tuple[datetime, datetime]:
    now = timezone.now()
    return (
        now - timedelta(minutes=settings.TPI_SESSION_IDLE_MINUTES),
        now - timedelta(hours=settings.TPI_SESSION_HOURS),
    )


def note_use(session: BrowserSession, address: str) -> None:
    """Write when and from where it was used, each minute at most, and only if it can be written."""
    now = timezone.now()
    if now - session.seen_at > _USE_IS_NOTED_EVERY:
        with suppress(DatabaseError), transaction.atomic():
            BrowserSession.objects.filter(pk=session.pk).update(seen_at=now, address=address[:64])


def is_fresh(session: BrowserSession) -> bool:
    """Whether the person showed a short while ago that it is them."""
    return timezone.now() - session.proved_at < PROOF_LASTS


def note_sign_in(*, actor: Actor, user: User, session: BrowserSession, second_factor: str = "") -> None:
    """Write that somebody signed in, and by which second factor; refused attempts are written where they are checked."""
    detail = {"second_factor": second_factor} if second_factor else {}
    with transaction.atomic():
        if second_factor:
            BrowserSession.objects.filter(pk=session.pk).update(second_factor=True, method=second_factor)
        audit.record(actor=actor, action="sign-in", subject=user, **detail)


def note_password(*, actor: Actor, user: User) -> None:
    """Write that a right password was given where more is asked for: somebody else may have it."""
    audit.record(actor=actor, action="sign-in.password", subject=user)


def note_refused_sign_in(*, user: User, why: str) -> None:
    """Write that a right password did not open a session."""
    audit.record(
        actor=Actor(username=user.username),
        action="sign-in",
        subject=user,
        outcome=AuditEntry.Outcome.REFUSED,
        why=why,
    )


def note_proof(*, actor: Actor, session: BrowserSession, second_factor: str = "") -> None:
    """Write that the person of a session has shown again that it is them."""
    proved: dict[str, datetime | bool] = {"proved_at": timezone.now()}
    if second_factor:
        proved["second_factor"] = True
    with transaction.atomic():
        BrowserSession.objects.filter(pk=session.pk).update(**proved)
        audit.record(actor=actor, action="session.prove", subject=session.user, by=second_factor or "password")


def note_sign_out(*, actor: Actor, session: BrowserSession | None = None) -> None:
    """End the session and write that somebody signed out."""
    with transaction.atomic():
        if session is not None:
            session.delete()
        audit.record(actor=actor, action="sign-out", object_type="user", object_name=actor.username)


def close(user: User, *, keep: BrowserSession | None = None) -> int:
    """End the person's sessions but ``keep``, as a part of a service that writes why; tells how many."""
    rows = BrowserSession.objects.filter(user=user)
    return (rows.exclude(pk=keep.pk) if keep is not None else rows).delete()[0]


def end(*, actor: Actor, session: BrowserSession) -> None:
    """End one session at once, on every node."""
    _require_may_end(actor, session.user)
    with transaction.atomic():
        number = session.pk
        session.delete()
        audit.record(actor=actor, action="session.end", subject=session.user, session=number, browser=session.browser)


def end_others(*, actor: Actor, user: User, keep: BrowserSession | None) -> int:
    """End all sessions of a person but the one in which they ask for it; tells how many."""
    _require_may_end(actor, user)
    with transaction.atomic():
        ended = close(user, keep=keep)
        audit.record(actor=actor, action="session.end-others", subject=user, ended=ended)
    return ended


def end_all(*, actor: Actor, user: User, reason: str = "") -> int:
    """End all sessions of a person; tells how many. ``reason`` is a word or sentence for the audit log."""
    _require_may_end(actor, user)
    with transaction.atomic():
        ended = close(user)
        audit.record(actor=actor, action="session.end-all", subject=user, ended=ended, reason=reason)
    return ended


def _require_may_end(actor: Actor, user: User) -> None:
    if actor.user_id == user.pk and actor.token is None:
        return
    if not may_end_sessions(actor):
        raise Forbidden(
            "Sessions are ended by their owner, an administrator or a security officer.", code="right-missing"
        )


def _digest(secret: str) -> str:
    return hmac.new(settings.TPI_TOKEN_PEPPER.encode(), f"session:{secret}".encode(), hashlib.sha256).hexdigest()
