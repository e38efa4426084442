"""How many passwords of one person a directory is given, so that guesses made here lock nobody out there.

Counted is the name as it was typed, known or not, and the entry that it leads to, so that the several names of a person
share one budget.  From each place a person has ``TPI_DIRECTORY_FAILURES`` wrong passwords in ``TPI_DIRECTORY_WINDOW``
seconds, from all places together three times as many; a place from which the person came in lately has its own alone, so
that strangers elsewhere cannot use it up.
"""

from __future__ import annotations

from django.conf import settings
from django.db.models import Sum

from accounts.models import Alarm, Directory
from accounts.services import alarms, attempts
from accounts.services.directories.settings import spellings_of

_FAMILIAR = 30 * 24 * 3600  # seconds for which a place stays known after a sign-in
_PLACES = 3
"""As many places together as have a full budget."""
_ALARM = "password-guessed"


class Budget:
    """One attempt of ``subject``, a typed name or an entry, at ``place``."""

    def __init__(self, subject: str, place: str, most: int) -> None:
        self._most = most
        self._own, self._all = f"directory:{subject}@{place}", f"directory:{subject}"
        self._familiar = f"familiar:{subject}@{place}"
        self._counts: dict[str, int] = {}

    def spend(self) -> bool:
        """Count the attempt before anybody is asked, so that no burst slips under the limit; False if none is left."""
        is_familiar = attempts.count([self._familiar])[self._familiar] > 0
        names = [self._own] if is_familiar else [self._own, self._all]
        self._counts = {name: attempts.add(name, settings.TPI_DIRECTORY_WINDOW) for name in names}
        if self._counts[self._own] <= self._most and self._counts.get(self._all, 0) <= self._most * _PLACES:
            return True
        self.give_back()
        return False

    def give_back(self) -> None:
        """Nobody was asked, or the password was right."""
        attempts.take_back(*self._counts)
        self._counts = {}

    def keep_place(self) -> None:
        """The password was right: strangers do not use up this place's budget from now on."""
        self.give_back()
        attempts.keep(self._familiar, _FAMILIAR)

    @property
    def is_last(self) -> bool:
        """Whether with this attempt nothing is left for places that are not known."""
        return self._counts.get(self._all) == self._most * _PLACES


def of_name(name: str, place: str) -> Budget | None:
    """The budget of a name as it was typed; None where no directory is in use.

    In a directory where people bind directly nobody can say beforehand whose name it is, so the names of one person share
    the number between them.
    """
    spellings = [spellings_of(row) for row in Directory.objects.filter(enabled=True)]
    if not spellings:
        return None
    return Budget(name, place, max(1, settings.TPI_DIRECTORY_FAILURES // max(spellings)))


def of_entry(directory: Directory, key: str, place: str) -> Budget:
    """The budget of a person of the directory, by the entry's lasting key."""
    return Budget(f"{directory.pk}/{key}", place, settings.TPI_DIRECTORY_FAILURES)


def ring(username: str) -> None:
    """Tell operators whose password is being guessed from so many places that new ones are refused."""
    minutes = settings.TPI_DIRECTORY_WINDOW // 60
    alarms.ring(
        _ALARM,
        f"Wrong passwords of '{username}' came from several addresses; for up to {minutes} minutes the account can sign in "
        "only from addresses where it did lately. If it was not the person, look at the refused sign-ins in the audit log.",
        subject=username,
    )


def figures() -> dict[tuple[str, ...], float]:
    """For the metrics: how often that was told."""
    total = Alarm.objects.filter(code=_ALARM).aggregate(total=Sum("count"))["total"]
    return {(): float(total or 0)}
