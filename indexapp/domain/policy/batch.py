"""The files of a project as bits of one number, the first file the lowest bit.

A condition answers with such numbers, and each distinct condition is asked once for a page: 1,000 rules over 2,000 files are
some thousand operations on 250 bytes each.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, TypeVar

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
Groups = tuple[list[tuple[Any, int]], int]
T = TypeVar("T")
FOREVER = float("inf")
_ONE = ord("1")
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
        self._masks: dict[int, Masks] = {}
        self._ranges: dict[str, int] = {}
        self._files: list[FileRow] | None = None
        self._ranked: dict[int, Ranking] = {}
        self._grouped: dict[str, Groups] = {}
        self._advisories: list[tuple[int, tuple[VulnerabilityFact, ...]]] | None = None

    @property
    def files(self) -> list[FileRow]:
        """All files, in order."""
        if self._files is None:
            self._files = list(chain.from_iterable(release[2] for release in self.releases))
        return self._files

    def masks(self, condition: Condition) -> Masks:
        """What the condition says; asked once of the same object, which rules that ask the same share."""
        found = self._masks.get(id(condition))
        if found is None:
            found = self._masks[id(condition)] = condition.masks(self)
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

    def _ranking(self, column: int) -> Ranking:
        """The files by one of their values; sorted once, however many rules ask."""
        found = self._ranked.get(column)
        if found is None:
            values: list[Any] = [file[column] for file in self.files]
            found = self._ranked[column] = Ranking([-1 if value is None else value for value in values])
        return found

    def younger_than(self, days: float) -> int:
        """The files that were uploaded less than ``days`` ago; notes when the first of them is no longer."""
        age, ranking = timedelta(days=days), self._ranking(_TIME)
        first = ranking.first_above(iso_utc(self.now - age))
        if first is not None:
            uploaded = datetime.fromisoformat(str(first)).timestamp()  # a sum of dates has an end that a file may be at
            self.until = min(self.until, uploaded + age.total_seconds())
        return ranking.above(iso_utc(self.now - age))

    def undated(self) -> int:
        """The files of which nobody knows when they were uploaded."""
        return self.all & ~self._ranking(_TIME).above("")

    def yanked(self) -> int:
        """The yanked files."""
        return self.where(lambda file: file[_YANKED] is not None)

    def of_kind(self, *, is_wheel: bool) -> int:
        """Wheels, or all that are none."""
        return self.where(lambda file: file[_FILENAME].endswith(".whl") == is_wheel)

    def larger_than(self, size: int) -> int:
        """The files of more bytes."""
        return self._ranking(_SIZE).above(size)

    def unsized(self) -> int:
        """The files of which nobody knows how large they are."""
        return self.all & ~self._ranking(_SIZE).above(-1)

    def attested(self) -> int | None:
        """The files with an attestation; None where nobody knows."""
        names = self.details.attested()
        return None if names is None else self.where(lambda file: file[_FILENAME] in names)

    def come_by(self, file_id: int) -> int:
        """The files that were there when the file of this number was the last."""
        names = self.details.since(file_id)
        return self.all & ~self.where(lambda file: file[_FILENAME] in names) if names else self.all

    def groups(self, name: str, values: Callable[[], Mapping[str, T]]) -> Groups:
        """The distinct values of releases with the files of those that have it, and the files of releases without one."""
        found = self._grouped.get(name)
        if found is None:
            known, unknown = values(), 0
            masks: dict[Any, int] = {}
            for place, version in enumerate(self.versions):
                part, value = self.stretch(place, place + 1), known.get(version)
                if value is None:
                    unknown |= part
                else:
                    masks[value] = masks.get(value, 0) | part
            found = self._grouped[name] = (list(masks.items()), unknown)
        return found

    def advisories(self) -> list[tuple[int, tuple[VulnerabilityFact, ...]]] | None:
        """The files of each release that something affects, with what that is; None where there is no data at all."""
        if self._advisories is None and (known := self.details.vulnerabilities()) is not None:
            found = enumerate(known.get(_canonical(version), ()) for version in self.versions) if known else ()
            self._advisories = [(self.stretch(place, place + 1), facts) for place, facts in found if facts]
        return self._advisories


class Ranking:
    """Files by a value, of which those above a threshold are found without looking at each."""

    def __init__(self, values: Sequence[Any]) -> None:
        self._order = sorted(range(len(values)), key=values.__getitem__)
        self._sorted = [values[place] for place in self._order]
        self._masks: dict[int, int] = {len(values): 0}

    def first_above(self, threshold: object) -> object:
        """The smallest value above the threshold; None where there is none."""
        place = bisect_right(self._sorted, threshold)
        return self._sorted[place] if place < len(self._sorted) else None

    def above(self, threshold: object) -> int:
        """The files of values above the threshold."""
        first = bisect_right(self._sorted, threshold)
        found = self._masks.get(first)
        if found is None:
            digits = bytearray(b"0" * len(self._order))
            for place in self._order[first:]:
                digits[-1 - place] = _ONE
            found = self._masks[first] = int(digits, 2)
        return found


def _canonical(version: str) -> str:
    try:
        return canonical_version(version)
    except Invalid:
        return version
