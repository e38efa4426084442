"""The files of a project as bits of one number, the first file the lowest bit.

A condition answers with such numbers, and each distinct condition is asked once for a page: 1,000 rules over 2,000 files are
some thousand operations on 250 bytes each.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Final

from indexapp.domain.policy.facts import Details, ReleaseRows, VulnerabilityFact
from indexapp.domain.policy.version_ranges import VersionRange
from indexapp.domain.simple_page import FileRow
from indexapp.domain.timestamps import iso_utc
from indexapp.domain.versions import canonical_version
from tpi_site.kit.errors import Invalid

if TYPE_CHECKING:
    from indexapp.domain.policy.conditions import Condition

Masks = tuple[int, int]
"""The files that a condition matches, and those of which it cannot tell because data are missing."""
FOREVER = float("inf")
_FILENAME: Final = 0
_SIZE: Final = 3
_TIME: Final = 4
_YANKED: Final = 6


class Batch:
    """Files of a project's releases, in the order of versions, at one moment.

    ``until`` is, in seconds of the epoch, when an answer that was given may become another one by time alone.
    """

    def __init__(self, releases: Sequence[ReleaseRows], details: Details, now: datetime) -> None:
        self.releases, self.details, self.now = releases, details, now
        self.keys = [release[0] for release in releases]
        self.versions = [release[1] for release in releases]
        self.starts = [0]
        for release in releases:
            self.starts.append(self.starts[-1] + len(release[2]))
        self.all = (1 << self.starts[-1]) - 1
        self.until = FOREVER
        self._masks: dict[Condition, Masks] = {}
        self._ranges: dict[str, int] = {}
        self._files: list[FileRow] | None = None
        self._by_time: list[int] | None = None
        self._times: list[str] | None = None

    @property
    def files(self) -> list[FileRow]:
        """All files, in order."""
        if self._files is None:
            self._files = list(chain.from_iterable(release[2] for release in self.releases))
        return self._files

    @property
    def times(self) -> list[str]:
        """When each file was uploaded; empty where nobody knows."""
        if self._times is None:
            self._times = [file[_TIME] for file in self.files]
        return self._times

    def masks(self, condition: Condition) -> Masks:
        """What the condition says; asked once."""
        found = self._masks.get(condition)
        if found is None:
            found = self._masks[condition] = condition.masks(self)
        return found

    def stretch(self, low: int, high: int) -> int:
        """The files of the releases from ``low`` to before ``high``."""
        return (1 << self.starts[high]) - (1 << self.starts[low]) if low < high else 0

    def within(self, versions: VersionRange) -> int:
        """The files of the versions of a range."""
        found = self._ranges.get(versions.text)
        if found is None:
            found = self.all
            for stretches in versions.stretches(self.keys, self.versions):
                part = 0
                for low, high in stretches:
                    part |= self.stretch(low, high)
                found &= part
            self._ranges[versions.text] = found
        return found

    def of_version(self, version: str) -> int:
        """The files of one version, as written."""
        places = [place for place, known in enumerate(self.versions) if known == version]
        return self.stretch(places[0], places[0] + 1) if places else 0

    def where(self, is_so: Callable[[FileRow], bool]) -> int:
        """The files for which ``is_so``."""
        digits = "".join(["1" if is_so(file) else "0" for file in reversed(self.files)])
        return int(digits, 2) if digits else 0

    def of_releases(self, places: Iterable[int]) -> int:
        """The files of the releases at these places."""
        found = 0
        for place in places:
            found |= self.stretch(place, place + 1)
        return found

    def younger_than(self, days: float) -> int:
        """The files that were uploaded less than ``days`` ago; notes when the first of them is no longer."""
        age = timedelta(days=days)
        threshold = iso_utc(self.now - age)
        times = self.times
        if self._by_time is None:
            self._by_time = sorted(range(len(times)), key=times.__getitem__)
        order = self._by_time
        first = bisect_right(order, threshold, key=times.__getitem__)
        if first == len(order):
            return 0
        moment = datetime.fromisoformat(times[order[first]]).astimezone(UTC) + age
        self.until = min(self.until, moment.timestamp())
        found = 0
        for place in order[first:]:
            found |= 1 << place
        return found

    def undated(self) -> int:
        """The files of which nobody knows when they were uploaded."""
        return 0 if all(self.times) else self.where(lambda file: not file[_TIME])

    def yanked(self) -> int:
        """The yanked files."""
        return self.where(lambda file: file[_YANKED] is not None)

    def of_kind(self, *, is_wheel: bool) -> int:
        """Wheels, or all that are none."""
        return self.where(lambda file: file[_FILENAME].endswith(".whl") == is_wheel)

    def larger_than(self, size: int) -> int:
        """The files of more bytes."""
        return self.where(lambda file: file[_SIZE] > size)

    def attested(self) -> int | None:
        """The files with an attestation; None where nobody knows."""
        names = self.details.attested()
        return None if names is None else self.where(lambda file: file[_FILENAME] in names)

    def advisories(self) -> list[tuple[int, tuple[VulnerabilityFact, ...]]] | None:
        """Places of releases that something affects, with what that is; None where there is no data."""
        known = self.details.vulnerabilities()
        if known is None:
            return None
        if not known:
            return []
        found = [(place, known.get(_canonical(version), ())) for place, version in enumerate(self.versions)]
        return [pair for pair in found if pair[1]]


def _canonical(version: str) -> str:
    try:
        return canonical_version(version)
    except Invalid:
        return version
