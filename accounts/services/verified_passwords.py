"""The memory of passwords that were right, for all processes and nodes, as keyed digests with an end.

So an install of many packages costs one hash or one directory bind.  A pair that was wrong is remembered too, in the
same shape of words but without an account, so that a job that repeats it costs nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from contextlib import suppress
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils import timezone

from accounts.models import User, VerifiedPassword
from accounts.services import attempts

log = logging.getLogger(__name__)


def owner(username: str, password: str, place: str) -> User | None:
    """The account that the pair was right for a moment ago, from the same place, if that still holds; one query.

    From elsewhere it is asked anew: else whoever is held up for guessing could go on against what is remembered.
    """
    row = (
        VerifiedPassword.objects.select_related("user__directory")
        .filter(key=digest(username, password, place), until__gt=timezone.now(), user__is_active=True)
        .first()
    )
    if row is None or not hmac.compare_digest(row.stored, _stored(row.user)):
        return None
    return row.user


def remember(username: str, password: str, place: str, user: User) -> None:
    """Remember that the pair was right; nobody is kept out because it cannot be written."""
    seconds = settings.TPI_VERIFIED_PASSWORD_SECONDS
    if not seconds:
        return
    until = timezone.now() + timedelta(seconds=seconds)
    with suppress(DatabaseError), transaction.atomic():
        VerifiedPassword.objects.update_or_create(
            key=digest(username, password, place), defaults={"user": user, "stored": _stored(user), "until": until}
        )


def was_wrong(username: str, password: str) -> bool:
    """Whether the very same pair was wrong lately."""
    return attempts.count([_wrong(username, password)])[_wrong(username, password)] > 0


def remember_wrong(username: str, password: str) -> None:
    """Remember that the pair was wrong."""
    with suppress(DatabaseError), transaction.atomic():
        attempts.add(_wrong(username, password), settings.TPI_SIGN_IN_WINDOW)


def forget(user: User) -> None:
    """No password of the account is known to be right any more."""
    VerifiedPassword.objects.filter(user=user).delete()


def purge() -> int:
    """Remove what has ended; tells how many rows."""
    return VerifiedPassword.objects.filter(until__lte=timezone.now()).delete()[0]


def digest(username: str, password: str, place: str = "") -> str:
    """The hex HMAC-SHA256 of the pair, at a place; nothing can be learnt from it without the pepper."""
    message = f"{username}\x00{place}\x00{password}".encode("utf-8", "replace")
    return hmac.new(settings.TPI_TOKEN_PEPPER.encode(), b"verified\x00" + message, hashlib.sha256).hexdigest()


def _stored(user: User) -> str:
    return hashlib.sha256(user.password.encode()).hexdigest()


def _wrong(username: str, password: str) -> str:
    return f"wrong:{digest(username, password)}"
