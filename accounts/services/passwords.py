"""Checking passwords: seldom by the slow hash, mostly by the memory of a check that went well, never without limit."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock
from typing import NoReturn

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password

from accounts.domain.actors import Actor, Method
from accounts.domain.directory_entries import account_name
from accounts.models import AuditEntry, User
from accounts.services import attempts, audit, verified_passwords
from accounts.services.directories import sign_in, standing
from tpi_site.kit.errors import Refusal, Throttled, Unauthenticated

WRONG = "The user name or the password is wrong."
MAX_PASSWORD = 1024
"""Characters; what is longer is refused unseen, because hashing it would cost too much."""


_hashing = BoundedSemaphore(2)
"""A hash takes memory and a core; more at once would let wrong passwords starve everything else."""
_places = BoundedSemaphore(max(2, settings.TPI_THREADS // 2))
"""Threads that hash or wait for it; who comes when all are taken is sent away, so that others are served meanwhile."""
_PATIENCE = 10.0  # seconds
_checks: dict[str, Future[User | None]] = {}
_lock = Lock()


def verify(*, username: str, password: str, address: str) -> Actor:
    """The actor whose user name and password these are: a local account's, or one that a directory vouches for.

    After ``TPI_SIGN_IN_FAILURES`` failures within ``TPI_SIGN_IN_WINDOW`` seconds for one account from one address, or ten
    times as many from one address for any, further attempts are refused unseen, and a directory is bothered for one
    account ``TPI_DIRECTORY_FAILURES`` times in ``TPI_DIRECTORY_WINDOW`` seconds.  Content and time of the refusal do not
    tell whether the account exists.
    """
    name = account_name(username)
    user = verified_passwords.owner(name, password, _place(address))
    if user is None:
        user = _checked(username, name, password, address)
    if not standing.stands(user):
        raise Unauthenticated(standing.LAPSED, code="directory-lapsed")
    return user.actor(Method.PASSWORD)


def _checked(username: str, name: str, password: str, address: str) -> User:
    """The account, after asking whoever knows the password; remembers what came of it."""
    counters = _counters(name, address)
    _require_within_limit(counters)
    user = _account(username) if name else None
    key = verified_passwords.digest(name, password)
    found = _check(key, lambda: _ask(name, password, user, address))
    if found is None:
        _fail(user, address, counters)
    verified_passwords.remember(name, password, _place(address), found)
    return found


def _account(username: str) -> User | None:
    """The account of a name as it was typed, without regard to case as far as the database knows it.

    Accounts that were made here keep the spelling that they were given; directories' people have the folded one.
    """
    if "\x00" in username:  # no account has one, and PostgreSQL does not even compare it
        return None
    found = User.named(User.normalize_username(username).strip()) | User.named(account_name(username))
    return found.select_related("directory").first()


def _ask(name: str, password: str, user: User | None, address: str) -> User | None:
    """Who the pair belongs to, by the hash or by a directory; whoever is not there costs a hash as well."""
    is_local = user is not None and user.directory_id is None and user.kind == User.Kind.PERSON
    found = None
    if len(password) <= MAX_PASSWORD and not is_local:
        found = _ask_directories(name, password, user, address)
    if found is None:
        with _turn_to_hash():
            if user is None or not is_local or len(password) > MAX_PASSWORD:
                make_password(password[:MAX_PASSWORD])  # the cost of a check where there is nothing to check against
            elif check_password(password, user.password):
                found = user
    return found if found is not None and found.is_active else None


def _ask_directories(name: str, password: str, user: User | None, address: str) -> User | None:
    """Ask them unless the same pair was wrong lately or the account has failed too often, so that none is locked there."""
    if not sign_in.any_enabled() or verified_passwords.was_wrong(name, password):
        return None
    limit = settings.TPI_DIRECTORY_FAILURES
    binds = {f"directory:{name}:{_place(address)}": limit, f"directory:{name}": 3 * limit}
    # Counted before the directory is asked, so that no burst slips under the limit.
    counts = {counter: attempts.add(counter, settings.TPI_DIRECTORY_WINDOW) for counter in binds}
    if any(counts[counter] > most for counter, most in binds.items()):
        _take_back(binds)
        raise Throttled(
            "Too many wrong passwords for this account; wait half an hour, or use an API token.",
            retry_after=settings.TPI_DIRECTORY_WINDOW,
            code="sign-in-throttled",
        )
    found = None
    try:
        found = sign_in.verify(name, password, user if user is not None and user.directory_id else None)
    except Refusal:
        _take_back(binds)
        raise
    if found is None:
        verified_passwords.remember_wrong(name, password)
    else:
        _take_back(binds)
    return found


def _take_back(counters: Iterable[str]) -> None:
    for counter in counters:
        attempts.take_back(counter)


def _check(key: str, asking: Callable[[], User | None]) -> User | None:
    """What ``asking`` answers; of many who ask the same at once, as uv's connections do, one asks for all.

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
        check.set_result(asking())
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
    """The names of the counters of failures, with the limit of each."""
    limit = settings.TPI_SIGN_IN_FAILURES
    place = _place(address)
    return {f"sign-in:{username}@{place}": limit, f"sign-in:*@{place}": limit * 10}


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
    counts = attempts.count(counters)
    if any(counts[key] >= limit for key, limit in counters.items()):
        raise Throttled(
            "Too many failed sign-ins from here; wait some minutes and check the stored password.",
            retry_after=settings.TPI_SIGN_IN_WINDOW,
            code="sign-in-throttled",
        )


def _fail(user: User | None, address: str, counters: dict[str, int]) -> NoReturn:
    """Count and write it down; a name that nobody has is not written, it may be a password in the wrong field."""
    for key in counters:
        attempts.add(key, settings.TPI_SIGN_IN_WINDOW)
    name = user.username if user else "(no such account)"
    actor = Actor(username=name, address=address)
    audit.record(
        actor=actor,
        action="sign-in",
        object_type="user",
        object_name=name,
        outcome=AuditEntry.Outcome.REFUSED,
        code="password-wrong",
    )
    raise Unauthenticated(WRONG, code="password-wrong")
