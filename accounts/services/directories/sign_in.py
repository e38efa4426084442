"""Asking the directories whether a name and a password belong together."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from functools import partial
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from django.conf import settings

from accounts.clients.ldap_connection import DirectoryFault, require_library
from accounts.domain.directory_entries import DirectoryEntry
from accounts.domain.service_names import is_kept_for_programs
from accounts.models import Directory, GroupMapping, User
from accounts.services import alarms
from accounts.services.directories import budgets, departures, people, standing
from accounts.services.directories.settings import settings_of
from tpi_site.kit import read_only
from tpi_site.kit.errors import Throttled, Unavailable

if TYPE_CHECKING:
    from accounts.clients import ldap_sign_in

_NAME = re.compile(r"[\w.@+ -]{1,150}\Z")
_PAUSE = 5.0  # seconds for which a directory that has just failed is not asked again
_failed: dict[int, float] = {}
_visits = BoundedSemaphore(max(2, settings.TPI_THREADS // 2))
"""Threads that may wait for directories; a slow one must not take all that serve."""


@dataclass(frozen=True)
class Verdict:
    """What the directories say: the person's account, or none; ``is_said`` unless the password was shown to nobody."""

    user: User | None = None
    is_said: bool = True


@dataclass
class _Question:
    """A name and a password from a place; ``is_idle`` asks all but the password, for a name that is none of theirs."""

    username: str
    password: str
    place: str
    is_idle: bool = False
    budget: budgets.Budget | None = None
    is_withheld: bool = False

    def may_bind(self, directory: Directory, entry: DirectoryEntry | None) -> bool:
        """Count the attempt for the entry, or for none in as many steps; no password goes out beyond the limit."""
        if directory.bind == Directory.Bind.DIRECT:
            return not self.is_idle
        self.budget = budgets.of_entry(directory, entry.key if entry else f"nobody/{self.username}", self.place)
        self.is_withheld = not self.budget.spend() and entry is not None
        return not (self.is_withheld or self.is_idle)

    def begin(self) -> None:
        """Another directory is asked."""
        self.budget, self.is_withheld = None, False

    def give_back(self) -> None:
        """The directory did not answer."""
        if self.budget is not None:
            self.budget.give_back()


def verify(username: str, password: str, place: str, known: User | None) -> Verdict:
    """The account of the person, or none where no directory confirms the pair.

    An account that came from a directory is asked of that one alone; an unknown name of each, and the first that has the
    person decides; the name of a program of none.  Raises :class:`Unavailable` where a directory that might have said yes
    does not answer.
    """
    with (
        read_only.passing()
    ):  # what the directory says of the person is mirrored first, and rights that were lost are lost
        return _answer(_Question(username, password, place), known)


def ask_idly(username: str, password: str, place: str) -> None:
    """Do for a local account's name what is done for one that nobody has, but for showing the password to anybody.

    A wrong password of a local account is so answered like any other wrong one, in content and in cost.
    """
    _answer(_Question(username, password, place, is_idle=True), None)


def is_any_away() -> bool:
    """Whether a directory in use is known not to answer."""
    return Directory.objects.filter(enabled=True, failing_since__isnull=False).exists()


def away() -> Unavailable:
    """The same for every name, and without a directory's."""
    return Unavailable(
        "The user name and password cannot be confirmed: they are wrong, or the directory that knows them does not answer "
        "now. Try again in some minutes; API tokens work meanwhile.",
        code="directory-away",
    )


def _answer(question: _Question, known: User | None) -> Verdict:
    is_programs = known is None and is_kept_for_programs(question.username)
    if not question.password or not _NAME.match(question.username) or is_programs:
        return Verdict()
    is_away = False
    for directory in _candidates(known):
        try:
            is_there, user = _ask(directory, question)
        except DirectoryFault:
            is_away = True
            continue
        if is_there:
            return Verdict(user, is_said=not question.is_withheld)
    if is_away:
        raise away()
    return Verdict()


def _candidates(known: User | None) -> list[Directory]:
    rows = Directory.objects.filter(enabled=True)
    return list(rows.filter(people=known) if known is not None else rows)


def _ask(directory: Directory, question: _Question) -> tuple[bool, User | None]:
    """Whether the directory has the person, and the account if the password is right."""
    mappings = list(GroupMapping.objects.filter(directory=directory).select_related("team"))
    seen = _visit(directory, question, with_groups=bool(mappings))
    standing.note_answer(directory)
    entry = seen.entry
    if seen.is_ambiguous and not question.is_idle:
        _ring_for_ambiguous(directory, question.username)
        return True, None  # another directory's person of that name is not the one who is meant here
    if entry is None or question.is_idle:
        return False, None
    if entry.disabled:
        _end_disabled(directory, entry)
        return True, None
    if not seen.is_verified:
        if question.budget is not None and question.budget.is_last:
            budgets.ring(entry.username)
        return True, None
    if question.budget is not None:
        question.budget.keep_place()
    return True, people.admit(directory, entry, _matching(mappings, seen.groups))


def _ring_for_ambiguous(directory: Directory, username: str) -> None:
    alarms.ring(
        "directory-name-ambiguous",
        f"In the directory '{directory.name}' several people bear the name '{username}', so that none of them signs in with "
        "it; see who set it, and let people sign in with attributes only that they cannot change on their own.",
        subject=f"{directory.name} {username}"[:200],
    )


def _visit(directory: Directory, question: _Question, *, with_groups: bool) -> ldap_sign_in.Visit:
    require_library()
    from accounts.clients import ldap_sign_in

    question.begin()
    if _failed.get(directory.pk, 0) > time.monotonic():
        raise DirectoryFault("connect", directory.failure or "It did not answer a moment ago.")
    if not _visits.acquire(blocking=False):
        raise Throttled(
            "Too many people are signing in; try again in some seconds.", retry_after=5, code="sign-in-busy"
        )
    try:
        seen = ldap_sign_in.visit(
            settings_of(directory),
            question.username,
            question.password,
            with_groups=with_groups,
            may_bind=partial(question.may_bind, directory),
        )
    except DirectoryFault as fault:
        question.give_back()
        _failed[directory.pk] = time.monotonic() + _PAUSE
        standing.note_fault(directory, fault)
        raise
    finally:
        _visits.release()
    return seen


def _matching(mappings: list[GroupMapping], groups: frozenset[str]) -> list[GroupMapping]:
    from accounts.clients.ldap_groups import normal_dn

    return [mapping for mapping in mappings if normal_dn(mapping.group_dn) in groups]


def _end_disabled(directory: Directory, entry: DirectoryEntry) -> None:
    """Somebody tried the name of a person whom the directory has locked out: it ends here without waiting for a sync."""
    user = people.find(directory, entry)
    if user is not None and user.is_active:
        departures.end(actor=departures.acting(directory), user=user, reason="Disabled in the directory.")


def forget_faults() -> None:
    """Ask every directory again."""
    _failed.clear()
