"""Some places for work that waits, of which no mirror may have more than half: a slow upstream leaves the others room."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from typing import Generic, TypeVar

Work = TypeVar("Work")


class Places(Generic[Work]):
    """Mirrors take turns; who uses it holds a lock."""

    def __init__(self, number: int) -> None:
        self._number, self._of_one = number, max(1, number // 2)
        self._waiting: OrderedDict[str, deque[Work]] = OrderedDict()
        self._taken: Counter[str] = Counter()

    def add(self, mirror: str, work: Work) -> None:
        """Let it wait for a place."""
        self._waiting.setdefault(mirror, deque()).append(work)

    def take(self) -> tuple[str, Work] | None:
        """The next that may have a place, with its mirror; it has the place until :meth:`leave`."""
        if self._taken.total() >= self._number:
            return None
        mirror = next((each for each in self._waiting if self._taken[each] < self._of_one), None)
        if mirror is None:
            return None
        work = self._waiting[mirror].popleft()
        self._waiting.move_to_end(mirror)
        if not self._waiting[mirror]:
            del self._waiting[mirror]
        self._taken[mirror] += 1
        return mirror, work

    def leave(self, mirror: str) -> None:
        """A place of this mirror is free again."""
        self._taken[mirror] -= 1
        self._taken += Counter()  # forget those that have none

    @property
    def taken(self) -> int:
        """How many there are at work."""
        return self._taken.total()
