"""Checking passwords: seldom by the slow hash, mostly by the memory of a check that went well, never without limit."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from threading import BoundedSemaphore
from typing import NoReturn

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.core.cache import cache

from accounts.domain.actors import Actor, Method
from accounts.models import AuditEntry, User
from accounts.services import audit
from tpi_site.kit.errors import Throttled, Unauthenticated

WRONG = "The user name or the password is wrong."
MAX_PASSWORD = 1024
"""Characters; what is longer is refused unseen, because hashing it would cost too much."""


_hashing = BoundedSemaphore(2)
"""A hash takes memory and a core; more at once would let wrong passwords starve everything else."""


def verify(*, username: str, password: str, address: str) -> Actor:
    """The actor whose user name and password these are.

    After ``TPI_SIGN_IN_FAILURES`` failures within ``TPI_SIGN_IN_WINDOW`` seconds for one account from one address, or ten
    times as many from one address for any, further attempts are refused unseen. Content and time of the refusal do not
    tell whether the account exists.
    """
    username = User.normalize_username(username)
    counters = _counters(username, address)
    _require_within_limit(counters)
    user = User.objects.filter(username__iexact=username).first() if username else None
    if user is None or not user.is_active or len(password) > MAX_PASSWORD:
        with _hashing:
            make_password(password[:MAX_PASSWORD])  # the same cost as a check
        _fail(username, address, counters)
    if not _is_remembered(user, password):
        with _hashing:
            is_right = check_password(password, user.password)
        if not is_right:
            _fail(username, address, counters)
        _remember(user, password)
    return Actor(user.pk, user.username, user.is_superuser, None, Method.PASSWORD)


def _counters(username: str, address: str) -> dict[str, int]:
    """The cache keys that count failures, with the limit of each."""
    limit = settings.TPI_SIGN_IN_FAILURES
    account = hashlib.sha256(username.casefold().encode()).hexdigest()[:32]
    place = _place(address)
    return {f"sign-in:{account}:{place}": limit, f"sign-in:*:{place}": limit * 10}


def _place(address: str) -> str:
    """What is counted as one address: of IPv6 the first 64 bits, since whoever has one has all below them."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4 or parsed.ipv4_mapped:  # noqa: PLR2004  the protocol's version
        return address
    return str(ipaddress.ip_network((int(parsed), 64), strict=False).network_address)


def _require_within_limit(counters: dict[str, int]) -> None:
    counts = cache.get_many(counters)
    if any(counts.get(key, 0) >= limit for key, limit in counters.items()):
        raise Throttled(
            "Too many failed sign-ins from here; wait some minutes and check the stored password.",
            retry_after=settings.TPI_SIGN_IN_WINDOW,
            code="sign-in-throttled",
        )


def _fail(username: str, address: str, counters: dict[str, int]) -> NoReturn:
    for key in counters:
        if cache.add(key, 1, settings.TPI_SIGN_IN_WINDOW):
            continue
        try:
            cache.incr(key)
        except ValueError:
            cache.add(key, 1, settings.TPI_SIGN_IN_WINDOW)
    actor = Actor(username=username[:150], address=address)
    audit.record(
        actor=actor,
        action="sign-in",
        object_type="user",
        object_name=username[:150],
        outcome=AuditEntry.Outcome.REFUSED,
    )
    raise Unauthenticated(WRONG, code="password-wrong")


def _memory_key(user: User, password: str) -> str:
    """A keyed digest; the stored hash is part of it, so a changed password is forgotten by itself."""
    message = f"{user.pk}\x00{user.password}\x00{password}".encode()
    return "password:" + hmac.new(settings.TPI_TOKEN_PEPPER.encode(), message, hashlib.sha256).hexdigest()


def _is_remembered(user: User, password: str) -> bool:
    return cache.get(_memory_key(user, password)) is not None


def _remember(user: User, password: str) -> None:
    if settings.TPI_VERIFIED_PASSWORD_SECONDS:
        cache.set(_memory_key(user, password), 1, settings.TPI_VERIFIED_PASSWORD_SECONDS)
