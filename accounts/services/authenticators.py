"""Setting up, replacing and removing a second factor, and its recovery codes."""

from __future__ import annotations

import time
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts.domain import one_time_codes
from accounts.domain.actors import Actor
from accounts.models import Authenticator, BrowserSession, RecoveryCode, User
from accounts.permissions import may_end_sessions, require_person
from accounts.services import audit, generations, second_factors, sessions
from accounts.services.one_time_codes import purpose, recovery_digest
from tpi_site.kit import locking, sealing
from tpi_site.kit.errors import Conflict, Forbidden, Invalid

RECOVERY_CODES = 10
_SET_UP_WITHIN = timedelta(hours=1)


def begin(*, actor: Actor, user: User) -> int:
    """Make a secret for an authenticator app, and tell its number; the app in use goes on until the new one is confirmed.

    Who sets it up keeps the number, so that nobody else who signs in as the same person meanwhile is shown the secret.
    """
    _require_own(actor, user)
    if user.kind == User.Kind.SERVICE:
        raise Conflict(
            "A service account signs in with tokens alone and needs no second factor.", code="service-account"
        )
    with transaction.atomic():
        locking.hold(purpose(user))
        secret = sealing.seal(one_time_codes.make_secret(), purpose(user))
        Authenticator.objects.filter(user=user, confirmed_at=None).delete()
        row = Authenticator.objects.create(user=user, secret=secret)
        audit.record(actor=actor, action="factor.begin", subject=user)
    return row.pk


def being_set_up(user: User, number: int) -> str:
    """The secret, in base32, that was made within the last hour and is not confirmed; empty where there is none."""
    row = _unconfirmed(user, number)
    return sealing.unseal(row.secret, purpose(user)) if row is not None else ""


def confirm(*, actor: Actor, user: User, number: int, code: str, keep: BrowserSession | None = None) -> list[str]:
    """Take the new authenticator into use by a code of it; other sessions than ``keep`` end.

    Returns recovery codes, to be shown once, where the account has none left; else an empty list.  Wrong codes are not
    counted: who confirms sees the secret.
    """
    _require_own(actor, user)
    row, now = _unconfirmed(user, number), timezone.now()
    if row is None:
        raise Conflict(
            "No authenticator is being set up, or it took more than an hour; begin again.", code="factor-none"
        )
    text = one_time_codes.normalised(code)
    secret = sealing.unseal(row.secret, purpose(user))
    steps = one_time_codes.matching_steps(secret, text, time.time()) if one_time_codes.is_code(text) else []
    if not steps:
        raise Invalid(
            "This is not the app's present code; check the phone's clock and try the next one.", code="code-wrong"
        )
    with transaction.atomic():
        locking.hold(purpose(user))
        replaced, _ = Authenticator.objects.filter(user=user, confirmed_at__isnull=False).delete()
        if not Authenticator.objects.filter(pk=row.pk, confirmed_at=None).update(confirmed_at=now, last_step=steps[-1]):
            raise _none_begun()
        codes = [] if RecoveryCode.objects.filter(user=user, used_at=None).exists() else _make_codes(user)
        sessions.close(user, keep=keep)
        audit.record(actor=actor, action="factor.confirm", subject=user, replaced=bool(replaced))
        generations.bump_access()
    return codes


def remove(*, actor: Actor, user: User, keep: BrowserSession | None = None) -> None:
    """End the use of the second factor and its recovery codes; other sessions than ``keep`` end.

    People do so for themselves unless the account must have one; administrators and security officers for others.
    """
    if actor.user_id == user.pk:
        _require_own(actor, user)
        if second_factors.is_required(user):
            raise Conflict(
                "Your account must have a second factor; set up another authenticator, which replaces this one.",
                code="factor-required",
            )
    else:
        _require_may_remove(actor)
    with transaction.atomic():
        removed, _ = Authenticator.objects.filter(user=user).delete()
        if not removed:
            raise Conflict(f"The account '{user.username}' has no second factor.", code="factor-none")
        RecoveryCode.objects.filter(user=user).delete()
        sessions.close(user, keep=keep)
        audit.record(actor=actor, action="factor.remove", subject=user)
        generations.bump_access()


def renew_recovery_codes(*, actor: Actor, user: User) -> list[str]:
    """Ten new recovery codes, to be shown once; the old ones are worth nothing from now on."""
    _require_own(actor, user)
    if not second_factors.has_one(user):
        raise Conflict("Recovery codes stand in for an authenticator app; set one up first.", code="factor-none")
    with transaction.atomic():
        locking.hold(purpose(user))
        codes = _make_codes(user)
        audit.record(actor=actor, action="factor.renew-recovery-codes", subject=user)
        generations.bump_tables()
    return codes


def recovery_codes_left(user: User) -> int:
    """How many were not used yet."""
    return RecoveryCode.objects.filter(user=user, used_at=None).count()


def _unconfirmed(user: User, number: int) -> Authenticator | None:
    since = timezone.now() - _SET_UP_WITHIN
    return Authenticator.objects.filter(pk=number, user=user, confirmed_at=None, created_at__gt=since).first()


def _none_begun() -> Conflict:
    return Conflict("No authenticator is being set up, or it took more than an hour; begin again.", code="factor-none")


def _make_codes(user: User) -> list[str]:
    codes = [one_time_codes.make_recovery_code() for _ in range(RECOVERY_CODES)]
    RecoveryCode.objects.filter(user=user).delete()
    RecoveryCode.objects.bulk_create(RecoveryCode(user=user, digest=recovery_digest(user, code)) for code in codes)
    return codes


def _require_may_remove(actor: Actor) -> None:
    if not may_end_sessions(actor):
        raise Forbidden(
            "A second factor is removed by its owner, an administrator or a security officer.", code="right-missing"
        )
    require_person(actor, "remove a second factor")


def _require_own(actor: Actor, user: User) -> None:
    if actor.user_id != user.pk or actor.token is not None:
        raise Forbidden("A second factor is set up by its owner, signed in and not with a token.", code="token-scope")
