"""Checking passwords: seldom by the slow hash, mostly by the memory of a check that went well, never without limit."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock
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
_places = BoundedSemaphore(max(2, settings.TPI_THREADS // 2))
"""Threads that hash or wait for it; who comes when all are taken is sent away, so that others are served meanwhile."""
_PATIENCE = 10.0  # seconds
_checks: dict[str, Future[bool]] = {}
_lock = Lock()


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
        _check(_key(f"-{username}", "", password), lambda: _wasted(password))
        _fail(user, address, counters)
    if not _is_remembered(user, password):
        if not _check(_memory_key(user, password), lambda: check_password(password, user.password)):
            _fail(user, address, counters)
        _remember(user, password)
    return user.actor(Method.PASSWORD)


def _wasted(password: str) -> bool:
    """The cost of a check where there is nothing to check against."""
    make_password(password[:MAX_PASSWORD])
    return False


def _check(key: str, hashing: Callable[[], bool]) -> bool:
    """Whether the password is right; of many who ask the same at once, as uv's connections do, one hashes for all.

    Also where no account has the name: otherwise a burst would tell by who is sent away.
    """
    with _lock:
        check, is_first = _checks.get(key), key not in _checks
        if check is None:
            check = _checks[key] = Future()
    if not is_first:
        try:
            return check.result(_PATIENCE)
        except TimeoutError:
            raise _busy() from None
    try:
        with _turn_to_hash():
            check.set_result(hashing())
    except BaseException as error:
        check.set_exception(error)
        raise
    finally:
        with _lock:
            del _checks[key]
    return check.result()


@contextmanager
def _turn_to_hash() -> Iterator[None]:
    """A place to hash, or a refusal when too many hash or wait."""
    if not _places.acquire(blocking=False):
        raise _busy()
    try:
        if not _hashing.acquire(timeout=_PATIENCE):
            raise _busy()
        try:
            yield
        finally:
            _hashing.release()
    finally:
        _places.release()


def _busy() -> Throttled:
    return Throttled(
        "Too many passwords are being checked; try again in some seconds.", retry_after=5, code="sign-in-busy"
    )


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


def _fail(user: User | None, address: str, counters: dict[str, int]) -> NoReturn:
    """Count and write it down; a name that nobody has is not written, it may be a password in the wrong field."""
    for key in counters:
        if cache.add(key, 1, settings.TPI_SIGN_IN_WINDOW):
            continue
        try:
            cache.incr(key)
        except ValueError:
            cache.add(key, 1, settings.TPI_SIGN_IN_WINDOW)
    name = user.username if user else "(no such account)"
    actor = Actor(username=name, address=address)
    audit.record(
        actor=actor,
        action="sign-in",
        object_type="user",
        object_name=name,
        outcome=AuditEntry.Outcome.REFUSED,
        reason="password-wrong",
    )
    raise Unauthenticated(WRONG, code="password-wrong")


def _memory_key(user: User, password: str) -> str:
    """A keyed digest; the stored hash is part of it, so a changed password is forgotten by itself."""
    return _key(str(user.pk), user.password, password)


def _key(*parts: str) -> str:
    message = "\x00".join(parts).encode("utf-8", "replace")
    return "password:" + hmac.new(settings.TPI_TOKEN_PEPPER.encode(), message, hashlib.sha256).hexdigest()


def _is_remembered(user: User, password: str) -> bool:
    return cache.get(_memory_key(user, password)) is not None


def _remember(user: User, password: str) -> None:
    if settings.TPI_VERIFIED_PASSWORD_SECONDS:
        cache.set(_memory_key(user, password), 1, settings.TPI_VERIFIED_PASSWORD_SECONDS)
