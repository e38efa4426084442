"""Checking passwords: seldom by the slow hash, mostly by the memory of a check that went well, never without limit.

Whoever is not let in learns nothing of the name: known here, known to a directory or to nobody, it costs one hash, the
same visits to directories and the same statements, and gets the same sentence, also while a directory is away.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password

from accounts.domain.actors import Actor, Method
from accounts.domain.directory_entries import account_name
from accounts.domain.networks import place_of
from accounts.models import User
from accounts.services import attempts, password_turns, second_factors, sign_in_limits, verified_passwords
from accounts.services.directories import budgets, sign_in, standing
from tpi_site.kit.errors import Refusal, Throttled, Unauthenticated, Unavailable

WRONG = (
    "The user name or the password is wrong. After several wrong ones even the right one is refused for a while; "
    "API tokens are not."
)
MAX_PASSWORD = 1024
"""Characters; what is longer is refused unseen, because hashing it would cost too much."""


@dataclass(frozen=True)
class _Claim:
    """Somebody says to be ``user``, or whoever bears ``name`` (in the form in which accounts are named here)."""

    name: str
    password: str
    user: User | None
    place: str

    @property
    def is_local(self) -> bool:
        """Whether the account's password is kept here."""
        return self.user is not None and self.user.has_password_here

    @property
    def fits(self) -> bool:
        """Whether the password is looked at."""
        return len(self.password) <= MAX_PASSWORD


@dataclass
class _Finding:
    """Whose the password is, or why that cannot be said."""

    user: User | None = None
    obstacle: Refusal | None = None


def verify(*, username: str, password: str, address: str) -> Actor:
    """The actor whose user name and password these are: a local account's, or one that a directory vouches for.

    After ``TPI_SIGN_IN_FAILURES`` failures within ``TPI_SIGN_IN_WINDOW`` seconds for one account from one address, or ten
    times as many from one address for any, further attempts are refused unseen.  Where there are directories, of
    ``TPI_DIRECTORY_FAILURES`` different wrong passwords for a name in ``TPI_DIRECTORY_WINDOW`` seconds the next are not
    passed on (:mod:`accounts.services.directories.budgets`); a local account's right one still signs in.
    """
    return _verified(username, password, address)[0].actor(Method.PASSWORD)


def sign_in_program(*, username: str, password: str, address: str) -> Actor:
    """As :func:`verify`, for who proves themselves by a password and nothing else, as programs do with each request.

    The audit log tells of it whenever the password was checked anew, which is once for as long as it is remembered.
    """
    user, is_new = _verified(username, password, address)
    actor = second_factors.admit_password_alone(user.actor(Method.PASSWORD))
    if is_new:
        sign_in_limits.note_program(actor=actor, user=user)
    return actor


def _verified(username: str, password: str, address: str) -> tuple[User, bool]:
    """The account, and whether the password was checked anew."""
    name, place = account_name(username), place_of(address)
    known = verified_passwords.owner(name, password, place)
    user = known if known is not None else _checked(username, password, name, address)
    if not standing.stands(user):
        raise Unauthenticated(standing.LAPSED, code="directory-lapsed").of(user.actor(Method.PASSWORD))
    return user, known is None


def _checked(username: str, password: str, name: str, address: str) -> User:
    """The account, after asking whoever knows the password; remembers what came of it."""
    place = place_of(address)
    sign_in_limits.require_within(name, place)
    claim = _Claim(name, password, _account(username) if name else None, place)
    key = verified_passwords.digest(name, password, place)
    finding = password_turns.shared(key, lambda: _find(claim))
    if finding.user is not None:
        verified_passwords.remember(name, password, place, finding.user)
        return finding.user
    if finding.obstacle is None:
        sign_in_limits.count_failure(name, place)
        sign_in_limits.write_down(claim.user, address, "password-wrong")
        raise Unauthenticated(WRONG, code="password-wrong")
    # A job that repeats one password until the directory is back guesses nothing; each other one may be a guess.
    if attempts.add(f"unconfirmed:{key}", settings.TPI_SIGN_IN_WINDOW) == 1:
        sign_in_limits.count_failure(name, place)
        sign_in_limits.write_down(claim.user, address, finding.obstacle.code)
    raise finding.obstacle


def _account(username: str) -> User | None:
    """The account of a name as it was typed, without regard to case as far as the database knows it.

    Accounts that were made here keep the spelling that they were given; directories' people have the folded one.
    """
    if "\x00" in username:  # no account has one, and PostgreSQL does not even compare it
        return None
    found = User.named(User.normalize_username(username).strip()) | User.named(account_name(username))
    return found.select_related("directory").first()


def _find(claim: _Claim) -> _Finding:
    """Who the pair belongs to, by the hash or by a directory; a directory's obstacle never keeps a local account out."""
    finding = _find_with_directories(claim) if claim.fits else _Finding(_hashed(claim))
    if finding.user is not None and finding.user.is_active:
        return finding
    obstacle = finding.obstacle
    if obstacle is None and sign_in.is_any_away():
        obstacle = sign_in.away()
    return _Finding(obstacle=obstacle)


def _find_with_directories(claim: _Claim) -> _Finding:
    """Local accounts are counted like the others, and sought there only after their hash was wrong."""
    budget = budgets.of_name(claim.name, claim.place)
    if budget is None or verified_passwords.was_wrong(claim.name, claim.password):
        return _Finding(_hashed(claim))  # none to ask, or none to ask again
    if not budget.spend():
        return _Finding(_hashed(claim), _too_many())
    try:
        finding, is_said = (_Finding(), True) if claim.is_local else _told(claim)
        finding.user = finding.user or _hashed(claim)
        if claim.is_local and finding.user is None:
            finding, is_said = _told(claim)
    except BaseException:
        budget.give_back()
        raise
    _settle(claim, finding, budget, is_said=is_said)
    return finding


def _told(claim: _Claim) -> tuple[_Finding, bool]:
    """What the directories tell, and whether they were shown the password: that of a local account they never are."""
    try:
        if claim.is_local:
            sign_in.ask_idly(claim.name, claim.password, claim.place)
            return _Finding(), True
        known = claim.user if claim.user is not None and claim.user.directory_id else None
        verdict = sign_in.verify(claim.name, claim.password, claim.place, known)
    except (Unavailable, Throttled) as refusal:
        return _Finding(obstacle=refusal), False
    return _Finding(verdict.user), verdict.is_said


def _settle(claim: _Claim, finding: _Finding, budget: budgets.Budget, *, is_said: bool) -> None:
    """Keep what was learnt for the next time."""
    if finding.user is not None:
        budget.keep_place()
    elif finding.obstacle is not None:
        budget.give_back()
    else:
        if is_said:
            verified_passwords.remember_wrong(claim.name, claim.password)
        if claim.user is not None and claim.is_local and budget.is_last:
            budgets.ring(claim.user.username)


def _hashed(claim: _Claim) -> User | None:
    """The local account that the hash confirms; where there is none to check against, the cost of a check."""
    with password_turns.turn():
        if claim.user is None or not claim.is_local or not claim.fits:
            make_password(claim.password[:MAX_PASSWORD])
            return None
        return claim.user if check_password(claim.password, claim.user.password) else None


def _too_many() -> Throttled:
    return Throttled(
        "Too many wrong passwords for this name; wait half an hour, or use an API token.",
        retry_after=settings.TPI_DIRECTORY_WINDOW,
        code="sign-in-throttled",
    )
