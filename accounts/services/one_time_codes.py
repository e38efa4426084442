"""Checking the code that follows a password: each is taken once, and few wrong ones are looked at."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import NoReturn

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.domain import one_time_codes
from accounts.domain.actors import Actor, Method
from accounts.models import AuditEntry, Authenticator, RecoveryCode, User
from accounts.services import alarms, attempts, audit
from tpi_site.kit import sealing
from tpi_site.kit.errors import Throttled, Unauthenticated

WRONG = "The code is wrong, was used already or has passed; wait for the app's next one, or use a recovery code."
LIMITS = {300: 5, 3600: 20, 86400: 50}
"""Wrong codes of one account that are looked at, by the seconds in which they are counted."""
APP = "authenticator"
RECOVERY = "recovery-code"


def verify(*, user: User, text: str) -> str:
    """:data:`APP` or :data:`RECOVERY`, as ``text`` is a code of the one or the other that was never used.

    Attempts are counted before they are looked at and uncounted when they were right, so that a burst finds no gap.
    The refusal is the same whatever was wrong.
    """
    names = {f"code:{seconds}:{user.pk}": seconds for seconds in LIMITS}
    _require_within(attempts.count(names), names, reached=0)
    counts = {name: attempts.add(name, seconds) for name, seconds in names.items()}
    _require_within(counts, names, reached=1)
    kind = _use(user, one_time_codes.normalised(text))
    if kind is None:
        _fail(user, counts, names)
    for name in names:
        attempts.take_back(name)
    return kind


def _require_within(counts: dict[str, int], names: dict[str, int], *, reached: int) -> None:
    """Refuse when a count reaches its limit, or exceeds it where the present attempt is counted already."""
    over = [names[name] for name, count in counts.items() if count >= LIMITS[names[name]] + reached]
    if over:
        raise Throttled(
            "Too many wrong codes for this account; wait before the next one, and change the password if it was not you.",
            retry_after=max(over),
            code="code-throttled",
        )


def _use(user: User, code: str) -> str | None:
    if one_time_codes.is_code(code):
        return APP if _use_app(user, code) else None
    return RECOVERY if _use_recovery_code(user, code) else None


def _use_app(user: User, code: str) -> bool:
    """Of two requests with one code the row lets one through: its step can be taken once."""
    row = Authenticator.objects.filter(user=user, confirmed_at__isnull=False).first()
    if row is None:
        return False
    secret = sealing.unseal(row.secret, purpose(user))
    taken = Authenticator.objects.filter(pk=row.pk, secret=row.secret)
    return any(
        taken.filter(last_step__lt=step).update(last_step=step)
        for step in one_time_codes.matching_steps(secret, code, time.time())
    )


def _use_recovery_code(user: User, code: str) -> bool:
    rows = RecoveryCode.objects.filter(user=user, used_at=None)
    with transaction.atomic():
        if not rows.filter(digest=recovery_digest(user, code)).update(used_at=timezone.now()):
            return False
        actor = user.actor(Method.PASSWORD)
        audit.record(actor=actor, action="factor.use-recovery-code", subject=user, left=rows.count())
    return True


def _fail(user: User, counts: dict[str, int], names: dict[str, int]) -> NoReturn:
    if any(names[name] > min(LIMITS) and count >= LIMITS[names[name]] for name, count in counts.items()):
        alarms.ring(
            "codes-guessed",
            f"Somebody who knows the password of '{user.username}' is guessing codes; the password should be changed.",
            subject=user.username,
        )
    audit.record(
        actor=Actor(username=user.username),
        action="sign-in",
        subject=user,
        outcome=AuditEntry.Outcome.REFUSED,
        step="code",
    )
    raise Unauthenticated(WRONG, code="code-wrong")


def purpose(user: User) -> str:
    """What an authenticator's secret is sealed for."""
    return purpose_for(user.pk)


def purpose_for(user_id: int) -> str:
    """As :func:`purpose`, by the account's number."""
    return f"authenticator:{user_id}"


def recovery_digest(user: User, code: str) -> str:
    """The stored form of a recovery code."""
    message = f"recovery:{user.pk}:{one_time_codes.normalised(code)}".encode("utf-8", "replace")
    return hmac.new(settings.TPI_TOKEN_PEPPER.encode(), message, hashlib.sha256).hexdigest()
